"""`make run`: starts, says who may sign in, keeps its data, restarts what dies, leaves nothing."""

import json
import os


def test_serve_starts_everything_and_stops_it_within_ten_seconds(unstarted_console):
    console = unstarted_console
    console.start()
    console.wait_until(lambda: console.get("/readyz")[0] == 200, "it is not ready", 60)
    status, page = console.get("/account/login")
    readiness = json.loads(console.get("/readyz")[1])
    running = console.processes()
    console.wait_until(lambda: "admin@demo.example" in console.log.read_text(), "no people")

    took = console.stop()

    assert status == 200
    assert "Sign in" in page
    assert set(readiness) == {
        "status", "database", "migrations", "broker", "worker", "scheduler", "dispatcher", "mail",
    }  # fmt: skip
    assert set(readiness.values()) == {"ok"}
    assert len(running) >= 6
    assert took < 10
    assert console.processes() == []


def test_a_second_start_keeps_the_data(unstarted_console):
    console = unstarted_console
    console.start()
    console.stop()
    before = console.demo()

    console.start()

    assert console.demo() == before


def test_serve_restarts_each_part_that_was_killed(console):
    console.wait_until(lambda: console.get("/readyz")[0] == 200, "it is not ready", 60)
    for command in ("sasvpay worker", "sasvpay beat", "manage.py dispatch"):
        (before,) = console.processes(command)

        console.kill(command)

        console.wait_until(
            lambda command=command, before=before: console.processes(command) not in ([], [before]),
            f"{command} was not started again",
        )


def test_serve_refuses_a_port_that_is_taken(console):
    second = console.manage("serve")

    assert second.returncode != 0
    assert f"Port {console.port} cannot be used" in second.stderr
    assert f"PORT={console.port + 10}" in second.stderr


def test_serve_refuses_an_unknown_part(console):
    answered = console.manage("serve", "wbe")

    assert answered.returncode != 0
    assert "Unknown: wbe. Known: web, worker, scheduler, dispatcher." in answered.stderr


def test_consoles_are_started_one_after_the_other(request):
    # Some releases of pytest and xdist do not get along, and drop the groups without a word.
    is_alone = "PYTEST_XDIST_WORKER" not in os.environ

    assert is_alone or request.node.nodeid.endswith("@processes")
