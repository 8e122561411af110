"""The callback in the OpenAPI document."""


def test_callback_stands_in_the_openapi_document(client):
    document = client.get("/api/schema", headers={"accept": "application/json"}).json()

    operation = document["paths"]["/callback/{app_id}"]["post"]
    asked = operation["requestBody"]["content"]["application/json"]
    statuses = {"200", "400", "401", "404", "405", "409", "411", "413", "415", "429", "500", "503"}
    assert set(operation["responses"]) == statuses
    assert set(asked["schema"]["required"]) == {
        "EventType", "Event", "PayModel", "Payload", "PayEventSig",
    }  # fmt: skip
    assert asked["examples"]
    assert operation["responses"]["409"]["content"]["application/json"]["examples"]
