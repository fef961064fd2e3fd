"use strict";
document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("plain").hidden = true;
  window.SwaggerUIBundle({
    url: "/api/v1/openapi.json", dom_id: "#try", deepLinking: true, docExpansion: "none", filter: true, validatorUrl: null,
    persistAuthorization: false, displayRequestDuration: true,
  });
});
