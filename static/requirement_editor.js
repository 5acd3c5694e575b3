/* The requirement editor's comforts; without it the same fields are typed, one entry a line. What is sent is always
   the text of the textareas, which the rows and the chosen links below keep up to date. */
(function () {
  "use strict";

  function make(tag, attributes, words) {
    var element = document.createElement(tag);
    Object.keys(attributes).forEach(function (name) { element.setAttribute(name, attributes[name]); });
    if (words) { element.textContent = words; }
    return element;
  }

  function lines(area) {
    return area.value.split("\n").map(function (line) { return line.trim(); }).filter(Boolean);
  }

  function write(area, entries) {
    area.value = entries.join("\n");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // ---- Criteria as rows.
  function rowsOf(area) {
    var thing = area.getAttribute("data-rows");
    var list = make("ol", { "class": "rows-of-one" });
    var add = make("button", { type: "button", "class": "deed" }, "Add a " + thing);

    function inputs() { return Array.prototype.slice.call(list.querySelectorAll("input")); }

    function sync() {
      write(area, inputs().map(function (input) { return input.value.trim(); }).filter(Boolean));
      inputs().forEach(function (input, place) {
        input.setAttribute("aria-label", "Criterion " + (place + 1));
        input.parentNode.querySelectorAll("button").forEach(function (button) {
          button.setAttribute("aria-label", button.title + " criterion " + (place + 1));
        });
      });
    }

    function button(words, title, deed) {
      var made = make("button", { type: "button", "class": "deed", title: title }, words);
      made.addEventListener("click", deed);
      return made;
    }

    function row(text, after) {
      var item = make("li", {});
      var input = make("input", { type: "text", dir: "auto", maxlength: "1000" });
      input.value = text;
      item.append(
        input,
        button("↑", "Move up", function (event) {
          if (item.previousElementSibling) { list.insertBefore(item, item.previousElementSibling); sync(); }
          event.currentTarget.focus();
        }),
        button("↓", "Move down", function (event) {
          if (item.nextElementSibling) { list.insertBefore(item.nextElementSibling, item); sync(); }
          event.currentTarget.focus();
        }),
        button("×", "Remove", function () {
          var next = item.nextElementSibling || item.previousElementSibling;
          item.remove();
          sync();
          (next ? next.querySelector("input") : add).focus();
        })
      );
      input.addEventListener("input", function (event) { event.stopPropagation(); sync(); });
      input.addEventListener("keydown", function (event) {
        if (event.key !== "Enter" || event.isComposing) { return; }
        event.preventDefault();
        row("", item).querySelector("input").focus();
        sync();
      });
      input.addEventListener("paste", function (event) {
        var pasted = (event.clipboardData.getData("text") || "").split(/\r?\n/).filter(function (line) { return line.trim(); });
        if (pasted.length < 2) { return; }
        event.preventDefault();
        var last = item;
        pasted.forEach(function (line) { last = row(line.trim(), last); });
        if (!input.value.trim()) { item.remove(); }
        sync();
      });
      if (after) { after.after(item); } else { list.append(item); }
      return item;
    }

    (lines(area).length ? lines(area) : [""]).forEach(function (line) { row(line); });
    add.addEventListener("click", function () { row("").querySelector("input").focus(); sync(); });
    var help = area.parentNode.querySelector(".help");
    area.after(list, add);
    area.hidden = true;
    list.setAttribute("aria-label", "Acceptance criteria");
    if (help) { help.textContent = "How one sees that it is done. Enter adds another."; }
    inputs().forEach(function (input, place) { input.setAttribute("aria-label", "Criterion " + (place + 1)); });
    list.querySelectorAll("li").forEach(function (item, place) {
      item.querySelectorAll("button").forEach(function (made) {
        made.setAttribute("aria-label", made.title + " criterion " + (place + 1));
      });
    });
    var label = document.querySelector("label[for='" + area.id + "']");
    if (label) { label.removeAttribute("for"); }
  }

  // ---- Links chosen by searching.
  function pickerOf(area) {
    var picker = document.querySelector("[data-picker='" + area.getAttribute("data-picks") + "']");
    var chosen = picker.querySelector(".picked");
    var search = picker.querySelector("[data-picker-search]");

    function sync() {
      write(area, Array.prototype.map.call(chosen.children, function (item) { return item.getAttribute("data-value"); }));
    }

    function removable(item) {
      var words = item.querySelector("bdi").textContent;
      var remove = make("button", { type: "button", "aria-label": "Remove " + words, title: "Remove" }, "×");
      remove.addEventListener("click", function () { item.remove(); sync(); search.focus(); });
      item.append(remove);
    }

    Array.prototype.forEach.call(chosen.children, removable);
    picker.addEventListener("click", function (event) {
      var pick = event.target.closest(".pick");
      if (!pick) { return; }
      var value = pick.getAttribute("data-value");
      if (lines(area).indexOf(value) < 0) {
        var item = make("li", { "data-value": value });
        item.append(make("bdi", {}, pick.getAttribute("data-words")));
        removable(item);
        chosen.append(item);
        sync();
      }
      search.value = "";
      picker.querySelector(".found").replaceChildren();
      search.focus();
    });
    search.addEventListener("keydown", function (event) {
      // Enter here means the search, never the whole form.
      if (event.key === "Enter") { event.preventDefault(); }
      if (event.key === "Escape") { picker.querySelector(".found").replaceChildren(); }
    });
    // What is typed here is a question, not a part of the requirement.
    ["input", "change"].forEach(function (name) {
      search.addEventListener(name, function (event) { event.stopPropagation(); });
    });
    // What cannot be shown as a chosen link stays as it was typed, to be mended by hand.
    if (lines(area).length === chosen.children.length) {
      area.hidden = true;
      var help = area.parentNode.querySelector(".help");
      if (help) { help.hidden = true; }
      var label = document.querySelector("label[for='" + area.id + "']");
      if (label) { label.setAttribute("for", search.id); }
    }
  }

  document.querySelectorAll("textarea[data-rows]").forEach(rowsOf);
  document.querySelectorAll("textarea[data-picks]").forEach(pickerOf);
  // What is being saved need not be kept any more.
  document.getElementById("editor").addEventListener("submit", function () {
    if (window.htmx) { window.htmx.trigger("#kept", "htmx:abort"); }
  });
  var conflict = document.querySelector(".conflict");
  if (conflict) { conflict.focus(); }
})();
