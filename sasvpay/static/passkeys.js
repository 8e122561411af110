// Passkeys: starts allauth's script on the button that says which form it is, and shows what went
// wrong in the page's own words.
(() => {
  "use strict";
  const show = (selector) => document.querySelector(selector).removeAttribute("hidden");
  const hide = (selector) => document.querySelector(selector).setAttribute("hidden", "");

  document.querySelectorAll("[data-passkey]").forEach((button) => {
    // Browsers offer passkeys on HTTPS and on localhost only.
    if (!window.PublicKeyCredential) {
      button.disabled = true;
      show("[data-passkey-unsupported]");
      return;
    }
    const { passkey, credential, passwordless, options } = button.dataset;
    const ids = { [passkey]: button.id, credential, passwordless, data: options };
    window.allauth.webauthn.forms[`${passkey}Form`]({ ids });
    button.addEventListener("click", () => hide("[data-passkey-problem]"));
    // The form goes when the passkey has answered (form.submit() asks nobody), not before.
    button.form.addEventListener("submit", (submitted) => submitted.preventDefault());
  });

  document.addEventListener("allauth.error", (failed) => {
    failed.preventDefault();
    show("[data-passkey-problem]");
  });
})();
