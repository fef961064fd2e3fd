/* Passkeys: asks the browser for one and sends what it says as a form. Without script, or where a browser has none, the
   forms of this file stay hidden, and codes and passwords do. */
(function () {
  "use strict";
  if (!window.PublicKeyCredential || !navigator.credentials) { return; }

  function bytes(text) {
    var plain = window.atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (letter) { return letter.charCodeAt(0); }).buffer;
  }
  function text(buffer) {
    var plain = String.fromCharCode.apply(null, new Uint8Array(buffer));
    return window.btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function known(list) {
    return (list || []).map(function (each) { return Object.assign({}, each, { id: bytes(each.id) }); });
  }

  function asked(options, way) {
    var key = Object.assign({}, options.publicKey);
    key.challenge = bytes(key.challenge);
    if (way === "get") { key.allowCredentials = known(key.allowCredentials); return { publicKey: key }; }
    key.user = Object.assign({}, key.user, { id: bytes(key.user.id) });
    key.excludeCredentials = known(key.excludeCredentials);
    key.authenticatorSelection = Object.assign({}, key.authenticatorSelection, {
      residentKey: "required", requireResidentKey: true, userVerification: "required"
    });
    return { publicKey: key };
  }

  function said(credential) {
    var from = credential.response, response = { clientDataJSON: text(from.clientDataJSON) };
    if (from.attestationObject) {
      response.attestationObject = text(from.attestationObject);
      response.transports = from.getTransports ? from.getTransports() : [];
    } else {
      response.authenticatorData = text(from.authenticatorData);
      response.signature = text(from.signature);
      response.userHandle = from.userHandle ? text(from.userHandle) : null;
    }
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response: response,
      authenticatorAttachment: credential.authenticatorAttachment || null,
      clientExtensionResults: credential.getClientExtensionResults()
    });
  }

  function options(form) {
    if (form.dataset.options) { return Promise.resolve(JSON.parse(form.dataset.options)); }
    return window.fetch(form.dataset.ask, { headers: { Accept: "application/json" }, credentials: "same-origin" })
      .then(function (answer) {
        if (!answer.ok) { throw new Error("Too many tries. Wait a minute."); }
        return answer.json();
      }).then(function (found) { return found.request_options; });
  }

  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    var way = form.dataset.passkey, button = form.querySelector("button"), says = form.querySelector("[data-says]");
    form.hidden = false;
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      button.disabled = true;
      says.textContent = "The browser asks for your passkey.";
      options(form).then(function (found) { return navigator.credentials[way](asked(found, way)); })
        .then(function (credential) {
          form.elements.credential.value = said(credential);
          form.submit();
        })
        .catch(function (error) {
          button.disabled = false;
          says.textContent = error.name === "InvalidStateError" ? "This device has a passkey for you here already."
            : error.name === "NotAllowedError" ? "No passkey was shown. Try again, or use another way."
              : "The passkey could not be used: " + error.message;
        });
    });
  });
  document.querySelectorAll("[data-without-passkey]").forEach(function (each) { each.hidden = true; });
}());
