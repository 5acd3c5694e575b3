/* What pages can do with JavaScript and do well enough without: the dark switch, "/" for search, the folded navigation
   on a phone, copying, rows that follow their link, forms that send themselves, and the manners of live regions. Loaded in the head without `defer`, so that a chosen theme is there before the first paint. */
(function () {
  "use strict";

  // The admin keeps its choice under this name as JSON ("auto", "light" or "dark"); one choice serves both.
  var THEME_KEY = "adminTheme";
  var THEMES = ["auto", "light", "dark"];
  var root = document.documentElement;
  var systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");

  function chosenTheme() {
    try {
      var theme = JSON.parse(window.localStorage.getItem(THEME_KEY));
      return THEMES.indexOf(theme) >= 0 ? theme : "auto";
    } catch (error) {
      return "auto";
    }
  }

  function applyTheme() {
    var theme = chosenTheme();
    var dark = theme === "dark" || (theme === "auto" && systemIsDark.matches);
    root.classList.toggle("dark", dark);
    root.classList.toggle("light", !dark);
    document.querySelectorAll("[data-theme-switch]").forEach(function (button) {
      button.textContent = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" }[theme];
    });
  }

  function nextTheme() {
    var next = THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length];
    try {
      window.localStorage.setItem(THEME_KEY, JSON.stringify(next));
    } catch (error) {
      // Storage is closed: the choice lasts for this page only.
    }
    applyTheme();
  }

  function isTyping(element) {
    return element && (/^(input|textarea|select)$/i.test(element.tagName) || element.isContentEditable);
  }

  function copy(button) {
    var source = document.getElementById(button.getAttribute("data-copy"));
    var said = button.textContent;
    function say(words) {
      button.textContent = words;
      window.setTimeout(function () { button.textContent = said; }, 2000);
    }
    if (navigator.clipboard) {
      navigator.clipboard.writeText(source.textContent).then(function () { say("Copied"); }, function () { select(source); say("Press Ctrl+C"); });
    } else {
      // Browsers offer the clipboard on https and localhost only.
      select(source);
      say(document.execCommand("copy") ? "Copied" : "Press Ctrl+C");
    }
  }

  function select(element) {
    var range = document.createRange();
    range.selectNodeContents(element);
    window.getSelection().removeAllRanges();
    window.getSelection().addRange(range);
  }

  // A click on a row follows its first link, as a click on that link would; a selection of its words is no click.
  function followRow(event) {
    var row = event.target.closest("tr[data-row]");
    if (!row || event.target.closest("a, button, input, select, label, summary") || String(window.getSelection())) { return; }
    var link = row.querySelector("a[href]");
    if (!link) { return; }
    if (event.ctrlKey || event.metaKey) { window.open(link.href, "_blank", "noopener"); } else { link.click(); }
  }

  // An address without the filters that nobody set.
  function leaveOutBlanks(form) {
    Array.prototype.forEach.call(form.elements, function (field) {
      if (field.name && field.value === "") { field.disabled = true; }
    });
    // When the reader comes back to a kept page, every filter is there again.
    window.setTimeout(function () {
      Array.prototype.forEach.call(form.elements, function (field) { field.disabled = false; });
    }, 0);
  }

  // ---- Live regions: templates/live/region.html says what they promise.
  function liveRegions() { return document.querySelectorAll("[data-live]"); }

  function isLive(event) { return event.target.matches && event.target.matches("[data-live]"); }

  function showAway(region, isAway) {
    region.querySelectorAll(".live-away").forEach(function (note) { note.hidden = !isAway; });
    region.querySelectorAll(".live-mark").forEach(function (note) { note.hidden = isAway; });
  }

  function isSelecting(region) {
    var selection = window.getSelection();
    return String(selection) !== "" && selection.anchorNode !== null && region.contains(selection.anchorNode);
  }

  function holdsTypedWords() {
    return Array.prototype.some.call(document.querySelectorAll("form[method=post] textarea, form[method=post] input[type=text]"), function (field) {
      return field.value !== field.defaultValue;
    });
  }

  function sayOver() {
    if (document.getElementById("session-over")) { return; }
    var note = document.createElement("p");
    note.id = "session-over";
    note.className = "note note-attention";
    note.setAttribute("role", "status");
    note.textContent = "Your session has ended. Send the form, and its words wait until you have logged in.";
    document.getElementById("content").prepend(note);
  }

  document.addEventListener("htmx:beforeRequest", function (event) {
    // Nobody looks at a hidden tab; and what somebody is copying must not go away under the mouse.
    if (isLive(event) && (document.hidden || isSelecting(event.target))) { event.preventDefault(); }
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (!isLive(event) || event.detail.target !== event.target) { return; }
    // What a form inside the region is answered with ends in the region's own address, too.
    var asked = new URL(event.target.getAttribute("hx-get"), window.location.href).pathname;
    var answered = new URL(event.detail.xhr.responseURL || window.location.href, window.location.href).pathname;
    if (event.detail.xhr.status === 200 && asked !== answered) {
      // The session is over: the answer is the login page, which belongs into the window, unless words would be lost.
      event.detail.shouldSwap = false;
      if (holdsTypedWords()) { sayOver(); } else { window.location.reload(); }
    }
  });
  // What the reader is choosing or typing is not put in another's place; the next answer brings it again.
  document.addEventListener("htmx:oobBeforeSwap", function (event) {
    var field = document.activeElement;
    if (field && field.matches("select, textarea, input[type=text]") && event.detail.target.contains(field)) { event.detail.shouldSwap = false; }
  });
  ["htmx:sendError", "htmx:responseError", "htmx:timeout"].forEach(function (name) {
    document.addEventListener(name, function (event) { if (isLive(event)) { showAway(event.target, true); } });
  });
  // The session is over: a form goes the plain way, which keeps its words over the login; what is no form says so.
  document.addEventListener("htmx:responseError", function (event) {
    var form = event.detail.elt;
    if (event.detail.xhr.status !== 401 || !form.matches) { return; }
    if (!form.matches("form")) {
      event.detail.target.textContent = event.detail.xhr.responseText;
      return;
    }
    var pressed = event.detail.requestConfig.triggeringEvent && event.detail.requestConfig.triggeringEvent.submitter;
    if (pressed && pressed.name) {
      var field = document.createElement("input");
      field.type = "hidden";
      field.name = pressed.name;
      field.value = pressed.value;
      form.append(field);
    }
    window.HTMLFormElement.prototype.submit.call(form);
  });
  document.addEventListener("visibilitychange", function () {
    if (document.hidden || !window.htmx) { return; }
    liveRegions().forEach(function (region) { window.htmx.trigger(region, "refresh"); });
  });

  root.classList.add("js");
  // In the admin the theme is switched by the admin's own code; only pages carry this mark.
  var isPage = document.currentScript.hasAttribute("data-page");
  if (isPage) {
    applyTheme();
    systemIsDark.addEventListener("change", applyTheme);
  }

  document.addEventListener("DOMContentLoaded", function () {
    if (isPage) { applyTheme(); }
    document.addEventListener("click", function (event) {
      var button = event.target.closest("[data-theme-switch], [data-fold], [data-copy]");
      if (!button) {
        followRow(event);
        return;
      }
      if (button.hasAttribute("data-theme-switch")) { nextTheme(); }
      if (button.hasAttribute("data-copy")) { copy(button); }
      if (button.hasAttribute("data-fold")) {
        var open = button.closest(".side").classList.toggle("open");
        button.setAttribute("aria-expanded", open ? "true" : "false");
      }
    });
    document.addEventListener("change", function (event) {
      var form = event.target.closest("form[data-sends-itself]");
      if (form) { form.requestSubmit(); }
    });
    document.addEventListener("submit", function (event) {
      if (event.target.matches("form[data-leaves-out-blanks], form[data-sends-itself]")) { leaveOutBlanks(event.target); }
    });
    document.addEventListener("keydown", function (event) {
      var search = document.querySelector("[data-search]");
      if (event.key === "/" && search && !isTyping(document.activeElement) && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        search.focus();
      }
    });
  });
})();
