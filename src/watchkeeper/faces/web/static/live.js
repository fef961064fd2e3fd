/* Keeps a page live: nudges by server-sent events wake the parts that renew themselves, step outputs stream in as text.
   Nothing here is needed to read or to act: without script every page still works. */
(function () {
  "use strict";
  var body = document.body, source = null, streams = new Map(), last = Date.now();

  /* ---- nudges: one stream per page, closed while nobody looks at the tab ---- */
  function listen() {
    if (source || document.hidden || !window.EventSource) { return; }
    source = new EventSource(body.dataset.live);
    var first = true;
    source.addEventListener("nudge", function () {
      if (first) { first = false; if (Date.now() - last < 1500) { return; } }
      window.htmx.trigger(body, "nudge");
    });
  }
  function deaf() { if (source) { source.close(); source = null; } }
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) { deaf(); streams.forEach(function (each) { each.close(); }); streams.clear(); }
    else { listen(); follow(); window.htmx.trigger(body, "nudge"); }
  });
  window.addEventListener("pagehide", deaf);

  /* ---- outputs: lines are appended as text, the newest stays in sight unless the reader scrolled up ---- */
  function follow() {
    streams.forEach(function (stream, place) {
      if (!place.isConnected) { stream.close(); streams.delete(place); }
    });
    document.querySelectorAll("[data-stream]").forEach(function (place) {
      if (streams.has(place) || streams.size || document.hidden || !window.EventSource) { return; }
      var stream = new EventSource(place.dataset.stream + "?from=" + place.dataset.offset);
      streams.set(place, stream);
      place.scrollTop = place.scrollHeight;
      stream.onmessage = function (event) {
        var atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
        place.appendChild(document.createTextNode(event.data + "\n"));
        place.dataset.offset = event.lastEventId;
        while (place.childNodes.length > 500) { place.removeChild(place.firstChild); }
        if (atEnd) { place.scrollTop = place.scrollHeight; }
      };
      stream.addEventListener("end", function () {
        stream.close(); streams.delete(place); place.removeAttribute("data-stream"); follow();
      });
    });
  }

  /* ---- renewing: never under a finger, and what was open stays open ---- */
  function busy(target) {
    var active = document.activeElement;
    if (active && target.contains(active) && /^(INPUT|TEXTAREA|SELECT|BUTTON)$/.test(active.tagName)) { return true; }
    return Array.prototype.some.call(target.querySelectorAll("input:not([type=hidden]),textarea"), function (field) {
      return field.value !== field.defaultValue;
    });
  }
  var kept = null;
  body.addEventListener("htmx:beforeSwap", function (event) {
    var target = event.detail.target, active = document.activeElement;
    if (event.detail.xhr.status === 403) { event.detail.shouldSwap = false; window.location.reload(); return; }
    if (busy(target)) { event.detail.shouldSwap = false; return; }
    var opened = Array.prototype.map.call(target.querySelectorAll("details[open]"), function (each) { return place(each); });
    var scrolled = Array.prototype.map.call(target.querySelectorAll("pre.out"), function (each) { return each.scrollTop; });
    kept = { id: target.id, opened: opened, scrolled: scrolled, link: active && target.contains(active) ? active.getAttribute("href") : null };
  });
  function place(details) {
    return Array.prototype.indexOf.call(details.closest("[hx-get]").querySelectorAll("details"), details);
  }
  body.addEventListener("htmx:afterSwap", function () {
    var fresh = kept && document.getElementById(kept.id);
    if (fresh) {
      var all = fresh.querySelectorAll("details"), outs = fresh.querySelectorAll("pre.out");
      kept.opened.forEach(function (index) { if (all[index]) { all[index].open = true; } });
      kept.scrolled.forEach(function (top, index) { if (outs[index]) { outs[index].scrollTop = top; } });
      if (kept.link) {
        var again = fresh.querySelector('a[href="' + window.CSS.escape(kept.link) + '"]') ||
          Array.prototype.find.call(fresh.querySelectorAll("a"), function (a) { return a.getAttribute("href") === kept.link; });
        if (again) { again.focus({ preventScroll: true }); }
      }
    }
    kept = null;
    var alarm = document.getElementById("alarm"), icon = document.querySelector("link[rel=icon]");
    if (alarm) {
      document.title = document.title.replace(/^[^:]*/, alarm.dataset.title);
      if (icon && alarm.dataset.href) { icon.href = alarm.dataset.href; }
    }
    follow();
  });

  /* ---- the clock: the time of the newest answer, and how old it is when answers stop ---- */
  body.addEventListener("htmx:afterRequest", function (event) {
    var told = event.detail.xhr && event.detail.xhr.getResponseHeader("X-Watchkeeper-Now");
    if (!event.detail.successful || !told) { return; }
    last = Date.now();
    body.classList.remove("lost");
    var clock = document.querySelector("#clock time"), asof = document.querySelector("#asof time");
    if (clock) { clock.textContent = told; }
    if (asof) { asof.textContent = told; }
    var age = document.getElementById("age");
    if (age) { age.remove(); }
  });
  window.setInterval(function () {
    var old = Math.round((Date.now() - last) / 1000);
    if (old < 15 || document.hidden) { return; }
    body.classList.add("lost");
    var clock = document.querySelector(".clock"), age = document.getElementById("age");
    if (!age && clock) { age = document.createElement("span"); age.id = "age"; clock.appendChild(age); }
    if (age) { age.textContent = ", " + old + " s old"; }
  }, 1000);

  listen();
  follow();
}());
