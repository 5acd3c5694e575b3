/* What pages can do with JavaScript and do well enough without: the dark switch, "/" for search, the folded navigation
   on a phone, and copying. Loaded in the head without `defer`, so that a chosen theme is there before the first paint. */
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
      if (!button) { return; }
      if (button.hasAttribute("data-theme-switch")) { nextTheme(); }
      if (button.hasAttribute("data-copy")) { copy(button); }
      if (button.hasAttribute("data-fold")) {
        var open = button.closest(".side").classList.toggle("open");
        button.setAttribute("aria-expanded", open ? "true" : "false");
      }
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
