// Theme, density, dialogs, menus, typed dates, toasts, copying, the keys `/` and `n`. Everything else is HTML.
(() => {
  "use strict";
  const root = document.documentElement;
  const find = (selector) => document.querySelector(selector);

  const on = (event, selector, act) =>
    document.addEventListener(event, (happened) => {
      const target = happened.target.closest?.(selector);
      if (target) act(target, happened);
    });

  // --- Theme and density: the server renders them. It is told, and the page follows at once.

  const prefer = (name, value) => {
    if (value) root.dataset[name] = value;
    else delete root.dataset[name];
    const body = new FormData();
    body.set(name, value);
    const token = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"];
    fetch(document.body.dataset.preferences, {
      method: "POST", body, headers: { "X-CSRFToken": token },
    });
  };
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  on("click", "[data-theme-toggle]", () => prefer("theme", isDark() ? "light" : "dark"));
  on("click", "[data-density-toggle]", () =>
    prefer("density", root.dataset.density === "compact" ? "" : "compact"));

  // --- The menu at the side is a drawer on a narrow screen.

  const drawer = (isOpen) => {
    find(".shell")?.classList.toggle("nav-open", isOpen);
    find("[data-nav-toggle]")?.setAttribute("aria-expanded", isOpen);
  };
  const isDrawn = () => find(".shell")?.classList.contains("nav-open");
  on("click", "[data-nav-toggle]", () => drawer(!isDrawn()));
  on("click", ".nav-open", (shell, click) => {
    if (!click.target.closest(".side, .top")) drawer(false);
  });

  // A search box in a menu hides the entries whose data-name does not hold what was typed.
  on("input", "input[data-filters]", (box) => {
    const wanted = box.value.trim().toLowerCase();
    document.querySelectorAll(box.dataset.filters).forEach((entry) => {
      entry.hidden = !entry.dataset.name.includes(wanted);
    });
  });

  // On a narrow screen the filters fold behind one button, which says how many are set.
  const fold = () => document.querySelectorAll("form.toolbar").forEach((form) => {
    const fields = [...form.elements].filter((field) => field.matches("select, [type=text]"));
    if (form.querySelector("[data-unfold]") || fields.length < 2) return;
    const set = fields.filter((field) => (field.options ? field.selectedIndex > 0 : field.value));
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn narrow-only unfold";
    button.dataset.unfold = "";
    button.textContent = document.body.dataset.filters + (set.length ? ` (${set.length})` : "");
    const search = form.querySelector(".affix");
    if (search) search.after(button);
    else form.prepend(button);
    unfold(form, button, Boolean(form.parentElement.querySelector("[aria-invalid=true]")));
  });
  const unfold = (form, button, isOpen) => {
    form.classList.toggle("folded", !isOpen);
    button.setAttribute("aria-expanded", isOpen);
  };
  on("click", "[data-unfold]", (button) => {
    unfold(button.form, button, button.form.classList.contains("folded"));
    button.form.querySelectorAll("details").forEach((more) => { more.open = true; });
  });
  fold();

  // --- Dates to search by. A browser calls every part of a date that is typed a change, and the
  // answer to one would take the field away from under the fingers. So what the keyboard changes is
  // kept back until the focus leaves the dates; what is picked from a calendar is told at once.

  const DATE = "[role=search] [type=date]";
  let typing = null;
  let untold = null;
  on("keydown", DATE, (date) => { typing = date; });
  document.addEventListener("pointerdown", () => { typing = null; });
  // Before htmx hears of it. Any change that it does hear takes the whole form along.
  document.addEventListener("change", (change) => {
    untold = change.target === typing ? typing : null;
    if (untold) change.stopPropagation();
  }, true);
  on("submit", "form", () => { untold = null; });
  on("focusout", "form", (form, left) => {
    const next = left.relatedTarget;
    if (untold?.form !== form || (next?.form === form && next.matches(DATE))) return;
    // Only the window lost it: the date is still being typed.
    if (document.activeElement === left.target) return;
    typing = null;
    untold.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // --- Toasts, copying.

  const toast = (text, tone) => {
    const box = document.createElement("p");
    box.className = `notice toast ${tone}`;
    box.textContent = text;
    find("#toasts").append(box);
    setTimeout(() => box.remove(), 6000);
  };
  on("click", "[data-dismiss]", (button) => button.closest(".toast").remove());
  // What went well may go by itself; what went wrong stays until it was read.
  document.querySelectorAll(".toast[role=status]").forEach((box) => setTimeout(() => box.remove(), 8000));

  on("click", "[data-copy]", async (button) => {
    // Without HTTPS a browser offers no clipboard: then the text is marked, for Ctrl-C.
    if (!navigator.clipboard) {
      getSelection().selectAllChildren(button.previousElementSibling);
      return;
    }
    await navigator.clipboard.writeText(button.dataset.copy);
    toast(button.dataset.copied, "success");
  });

  // --- Rows: how many are marked, and to how many of them each act applies.

  const tally = (form) => {
    const boxes = [...form.querySelectorAll("tbody .mark input:not(:disabled)")];
    const head = form.querySelector("[data-mark-all]");
    if (!boxes.length) return;
    const marked = boxes.filter((box) => box.checked);
    if (head) {
      head.checked = marked.length === boxes.length;
      head.indeterminate = marked.length > 0 && !head.checked;
    }
    form.querySelectorAll("[data-marked-count]").forEach((place) => {
      place.textContent = place.dataset.text.replace("{n}", marked.length);
    });
    form.querySelectorAll("[data-applies]").forEach((button) => {
      const fit = marked.filter((box) => box.dataset.can.split(" ").includes(button.dataset.applies));
      button.disabled = !fit.length;
      button.querySelector("[data-count]").textContent = `(${fit.length})`;
    });
  };
  const tallyAll = () => document.querySelectorAll("[data-marked]").forEach(tally);
  on("change", "[data-marked] input", (box) => {
    if (box.matches("[data-mark-all]")) {
      box.form.querySelectorAll("tbody .mark input").forEach((each) => { each.checked = box.checked; });
    }
    tally(box.form);
  });
  // A form's fields are back only after the event.
  on("reset", "[data-marked]", (form) => setTimeout(() => tally(form)));
  tallyAll();

  // --- A place to drop a file: the input lies over it; what was chosen is named.

  const dropped = (box) => box.closest("[data-drop]");
  const chosen = (input) => {
    const [file] = input.files;
    if (!file) return;
    const place = dropped(input);
    place.querySelector("[data-drop-name]").textContent = place.dataset.chosen.replace("{name}", file.name);
    if (!input.accept.includes("image/")) return;
    const picture = document.createElement("img");
    picture.className = "thumb";
    picture.alt = "";
    picture.onload = () => place.querySelector(".thumb").replaceWith(picture);
    const reader = new FileReader();
    reader.onload = () => { picture.src = reader.result; };
    reader.readAsDataURL(file);
  };
  on("change", "[data-drop] input", chosen);
  // A wrong form comes back without its files: those that nothing is said against are put in again.
  let files = {};
  const keepFiles = () => {
    files = Object.fromEntries([...modal.querySelectorAll("[type=file]")].map((input) => [input.name, input.files]));
  };
  const putFilesBack = () => modal.querySelectorAll("[type=file]:not([aria-invalid=true])").forEach((input) => {
    if (!files[input.name]?.length) return;
    input.files = files[input.name];
    chosen(input);
  });
  for (const [event, isOver] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
    on(event, "[data-drop] input", (input) => dropped(input).classList.toggle("over", isOver));
  }

  // --- Dialogs: a dialog is a page of its own whose #dialog htmx puts into #modal.

  const modal = find("#modal");
  const show = () => {
    if (!modal.querySelector("#dialog")) return;
    if (!modal.open) modal.showModal();
    const first = modal.querySelector("[aria-invalid=true]") ||
      modal.querySelector("input:not([type=hidden]), textarea, select, footer button");
    first?.focus();
  };
  on("click", "[data-close]", (button, click) => {
    if (!button.closest("#modal")) return;
    click.preventDefault();
    modal.close();
  });
  // Its answer is a file: the page below stays, and the dialog has done its work.
  on("submit", "#modal [data-downloads]", () => setTimeout(() => modal.close()));
  modal?.addEventListener("close", () => modal.replaceChildren());
  if (!modal?.open) find("main [aria-invalid=true]")?.focus();

  // --- htmx: what is being replaced says so; what failed is said.

  document.addEventListener("htmx:beforeRequest", (asked) => {
    // What asks by itself, again and again, would only flicker.
    if (!asked.detail.elt.matches("[data-quiet]")) asked.detail.target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:beforeSwap", keepFiles);
  document.addEventListener("htmx:afterRequest", (answered) =>
    answered.detail.target.removeAttribute("aria-busy"));
  document.addEventListener("htmx:afterSettle", (settled) => {
    if (settled.detail.target?.closest("#modal")) {
      putFilesBack();
      show();
    }
    fold();
    tallyAll();
  });
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, () => toast(document.body.dataset.failed, "danger"));
  }

  // --- Keys.

  document.addEventListener("keydown", (key) => {
    if (key.key === "Escape" && isDrawn()) {
      drawer(false);
      find("[data-nav-toggle]").focus();
    }
    if (key.ctrlKey || key.metaKey || key.altKey || key.target.matches("input, textarea, select")) return;
    if (modal?.open || !["/", "n"].includes(key.key)) return;
    // A page's own search comes before the one in the top bar.
    const means = `[aria-keyshortcuts="${key.key}"]`;
    const found = find(`main ${means}`) || find(means);
    if (!found) return;
    key.preventDefault();
    if (key.key === "/") found.focus();
    else found.click();
  });
})();
