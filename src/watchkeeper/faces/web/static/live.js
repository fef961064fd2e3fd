/* Keeps a page live: nudges by server-sent events wake the parts that renew themselves, step outputs stream in as text.
   Nothing here is needed to read or to act: without script every page still works. */
(function () {
  "use strict";
  var body = document.body, source = null, streams = new Map(), last = Date.now(), shown = last;

  /* ---- nudges: one stream per page, closed while nobody looks at the tab ---- */
  function listen() {
    if (source || document.hidden || !window.EventSource) { return; }
    source = new EventSource(body.dataset.live);
    var first = true;
    source.addEventListener("nudge", function () {
      if (first) { first = false; if (Date.now() - last < 1500) { return; } }
      window.htmx.trigger(body, "nudge");
    });
    source.onerror = function () { /* a refused or broken stream is tried again for as long as somebody looks */
      if (source && source.readyState === 2) { deaf(); window.setTimeout(listen, 3000); }
    };
  }
  function deaf() { if (source) { source.close(); source = null; } }
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) { deaf(); streams.forEach(function (each) { each.close(); }); streams.clear(); }
    else { shown = Date.now(); listen(); follow(); window.htmx.trigger(body, "nudge"); }
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
  /* Rows that would come in above a reader wait behind a strip that says how many they are. */
  var strip = null;
  function waits(target, xhr) {
    var rows = target.querySelectorAll("[data-row]");
    if (!rows.length || xhr.status !== 200) { return false; }
    var list = rows[0].parentNode.getBoundingClientRect();
    if (list.top >= 0 || list.bottom <= 0) { return false; }
    var known = {}, count = 0;
    rows.forEach(function (row) { known[row.dataset.row] = true; });
    new DOMParser().parseFromString(xhr.responseText, "text/html").querySelectorAll("[data-row]").forEach(function (row) {
      if (!known[row.dataset.row]) { count += 1; }
    });
    if (count) { tell(count, rows[0].parentNode); }
    return count > 0;
  }
  function tell(count, list) {
    if (!strip) {
      strip = document.createElement("button");
      strip.className = "newer btn go";
      strip.addEventListener("click", function () {
        var top = strip.list;
        strip.remove(); strip = null;
        top.scrollIntoView({ block: "start" });
        window.scrollBy(0, -80);
        window.htmx.trigger(body, "nudge");
      });
      (document.getElementById("told-newer") || body).appendChild(strip);
    }
    strip.list = list;
    if (strip.textContent !== count + " newer") { strip.textContent = count + " newer"; }
  }
  window.addEventListener("scroll", function () {
    if (strip && (!strip.list.isConnected || strip.list.getBoundingClientRect().top >= 0)) {
      strip.remove(); strip = null;
      window.htmx.trigger(body, "nudge");
    }
  }, { passive: true });

  var kept = null;
  body.addEventListener("htmx:beforeSwap", function (event) {
    var target = event.detail.target, active = document.activeElement;
    if (event.detail.xhr.status === 403) { event.detail.shouldSwap = false; window.location.reload(); return; }
    if (busy(target) || waits(target, event.detail.xhr)) { event.detail.shouldSwap = false; return; }
    var opened = Array.prototype.map.call(target.querySelectorAll("details[open]"), function (each) { return each.id || place(each); });
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
      kept.opened.forEach(function (index) {
        var one = typeof index === "string" ? document.getElementById(index) : all[index];
        if (one) { one.open = true; }
      });
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
    document.querySelectorAll(".age").forEach(function (each) { each.remove(); });
  });
  window.setInterval(function () {
    var now = Date.now(), old = Math.round((now - last) / 1000);
    if (old < 15 || document.hidden || now - shown < 3000) { return; }
    body.classList.add("lost");
    [document.getElementById("asof"), document.querySelector(".clock")].forEach(function (place) {
      if (!place) { return; }
      var age = place.querySelector(".age");
      if (!age) { age = document.createElement("span"); age.className = "age"; place.appendChild(age); }
      age.textContent = ", " + old + " s old";
    });
  }, 1000);

  listen();
  follow();
}());
