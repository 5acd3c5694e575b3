/* What the pages of memories do with JavaScript and do well enough without: facets that fold where there is little room,
   and keys on a memory's page. */
(function () {
  "use strict";

  var isNarrow = window.matchMedia("(max-width: 1023px)");
  function fold() {
    document.querySelectorAll("details[data-folds]").forEach(function (facets) { facets.open = !isNarrow.matches; });
  }
  fold();
  isNarrow.addEventListener("change", fold);

  // ---- Keys. Single letters get in the way of speech input, so the reader can switch them off; that is remembered.
  var KEYS_OFF = "memoryKeysOff";
  var dialog = document.getElementById("shortcuts");
  if (!dialog) { return; }
  var isOn = document.getElementById("shortcuts-on");

  function keysAreOff() {
    try { return window.localStorage.getItem(KEYS_OFF) === "yes"; } catch (error) { return false; }
  }

  function announce() {
    document.querySelectorAll("[data-shortcut]").forEach(function (target) {
      if (keysAreOff()) { target.removeAttribute("aria-keyshortcuts"); } else { target.setAttribute("aria-keyshortcuts", target.getAttribute("data-shortcut")); }
    });
  }

  function isTyping(element) {
    return element && (/^(input|textarea|select)$/i.test(element.tagName) || element.isContentEditable);
  }

  function press(target) {
    var details = target.closest("details");
    if (target.tagName === "SUMMARY" && details) {
      details.open = true;
      details.querySelector("input:not([type=hidden])").focus();
      return;
    }
    target.click();
  }

  isOn.checked = !keysAreOff();
  isOn.addEventListener("change", function () {
    try { window.localStorage.setItem(KEYS_OFF, isOn.checked ? "no" : "yes"); } catch (error) { /* for this page only */ }
    announce();
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-shortcuts]")) { dialog.showModal(); }
  });
  document.addEventListener("keydown", function (event) {
    var opened = event.target.closest && event.target.closest(".pin-form[open]");
    if (event.key === "Escape" && opened) {
      opened.open = false;
      opened.querySelector("summary").focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || dialog.open || keysAreOff() || isTyping(document.activeElement)) { return; }
    var target = Array.prototype.find.call(document.querySelectorAll("[data-shortcut]"), function (button) {
      return button.getAttribute("data-shortcut") === event.key;
    });
    if (target) {
      event.preventDefault();
      press(target);
    }
  });
  announce();
})();
