/* Single keys for what is also a link or a button. No key approves, sends or ends anything: it goes there, or asks. */
(function () {
  "use strict";
  var body = document.body, led = 0;
  if (/^(0|False)$/.test(body.dataset.keys || "")) { return; }
  var go = { b: "/", i: "/incidents", r: "/runs", l: "/log", n: "/notifications", w: "/windows" };

  function seen(node) { return node && (node.checkVisibility ? node.checkVisibility() : node.offsetParent !== null); }
  function first(query) { return Array.prototype.find.call(document.querySelectorAll(query), seen); }
  function show(node) {
    if (!node) { return false; }
    var outer = node.closest("details:not([open])");
    while (outer) { outer.open = true; outer = node.closest("details:not([open])"); }
    node.focus();
    node.scrollIntoView({ block: "center" });
    return true;
  }
  /* Rows: what has a name that leads on. */
  function row(step) {
    var rows = Array.prototype.filter.call(document.querySelectorAll(
      "main .svc > a, main .ledger h2 a, main .ledger h3 a, main .ledger p > a:first-child, main article h3 a, main .grid td:first-child a"), seen);
    var at = rows.indexOf(document.activeElement), next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
    return show(next);
  }
  function act(end) {
    return document.querySelector('main form[action$="/' + end + '"]');
  }
  function field(form) { return form && form.querySelector("textarea, input:not([type=hidden]), select, button"); }

  var keys = {
    "/": function () { if (!show(first("input[type=search]"))) { window.location.assign("/search"); } return true; },
    j: function () { return row(1); },
    k: function () { return row(-1); },
    a: function () { var form = act("acknowledge"); return show(form && form.querySelector("button")); },
    n: function () { return show(field(act("note") || act("notes"))); },
    e: function () { return show(field(act("escalate"))); },
    v: function () {
      var place = first(".act[id^=approve-]"), link = first("a.needs, a[href*='#approve-']");
      if (place) { place.tabIndex = -1; return show(place); }
      if (link) { link.click(); }
      return Boolean(link);
    },
    "?": function () { window.location.assign("/keys"); return true; }
  };

  document.addEventListener("keydown", function (event) {
    var on = event.target, key = event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) { return; }
    if (on.closest && on.closest("input, textarea, select, [contenteditable]")) {
      if (key === "Escape") { on.blur(); }
      return;
    }
    if (key === "Escape") {
      var open = on.closest && on.closest("details[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); return; }
      if (window.history.length > 1) { window.history.back(); }
      return;
    }
    if (led && event.timeStamp - led < 1500) {
      led = 0;
      if (Object.prototype.hasOwnProperty.call(go, key)) { event.preventDefault(); window.location.assign(go[key]); }
      return;
    }
    led = 0;
    if (key === "g") { led = event.timeStamp; return; }
    if (Object.prototype.hasOwnProperty.call(keys, key) && keys[key]()) { event.preventDefault(); }
  });
}());
