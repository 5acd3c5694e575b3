/* The board of requirements: cards are dragged between columns and within them, menus close by themselves, a move that
   needs a reason asks in a dialog, and what the reader is doing is never disturbed by the live region's next answer.
   Every drag presses a button or sends a form that stands on the page, so that both ways do the same. On the list it
   chooses all rows at once. */
(function () {
  "use strict";

  document.addEventListener("change", function (event) {
    if (!event.target.matches("[data-choose-all]")) { return; }
    event.target.form.querySelectorAll("input[name=ids]").forEach(function (box) { box.checked = event.target.checked; });
  });

  var board = document.getElementById("board");
  if (!board || !window.htmx) { return; }
  var dialog = document.getElementById("move-dialog");
  var placeForm = document.getElementById("place-form");
  var said = document.getElementById("board-messages");

  var dragged = null;     // {card, column, over, overOther, slot, isDone}
  var moved = null;       // {card, parent, next}: a card that was put where it was dropped, until the portal has answered
  var wentWith = "";      // the key of the card whose button was pressed, which gets the focus back
  var missed = false;     // an answer was left out while the reader was busy
  var kept = { open: [], focus: "" };

  function say(words) {
    var note = document.createElement("p");
    note.className = "note note-bad";
    note.textContent = words;
    said.replaceChildren(note);
  }

  function titleOf(card) { return card.querySelector("h3").textContent.trim(); }

  function columnOf(element) { return element.closest && element.closest("[data-column]"); }

  // ---- Nothing changes under the reader's hands.
  function isBusy() { return dragged !== null || dialog.open || board.querySelector("[data-menu][open]") !== null; }

  function catchUp() {
    if (missed && !isBusy()) {
      missed = false;
      window.htmx.trigger(board, "refresh");
    }
  }

  function isPoll(event) { return event.detail.requestConfig ? event.detail.requestConfig.elt === board : event.detail.elt === board; }

  document.addEventListener("htmx:configRequest", function (event) {
    var moment = document.getElementById("board-moment");
    if (event.detail.elt === board && moment) { event.detail.headers["Board-Stamp"] = moment.getAttribute("data-stamp"); }
  });
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (isPoll(event) && (isBusy() || moved)) {
      missed = true;
      event.preventDefault();
    }
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.target !== board) { return; }
    if (isPoll(event) && (isBusy() || moved)) {
      missed = true;
      event.detail.shouldSwap = false;
      return;
    }
    kept.open = Array.prototype.map.call(board.querySelectorAll("details[id][open]"), function (details) { return details.id; });
    kept.focus = board.contains(document.activeElement) ? document.activeElement.id : "";
  });

  // Not before htmx has made the form its own: until then it would be sent as a page, and its field gets the focus again,
  // away from where quick hands have gone on to.
  document.addEventListener("htmx:afterSettle", function (event) {
    if (event.detail.target !== dialog) { return; }
    if (!dialog.open) { dialog.showModal(); }
    var field = dialog.querySelector("textarea");
    if (field) { field.focus(); }
  });

  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.target !== board) { return; }
    kept.open.forEach(function (id) {
      var details = document.getElementById(id);
      if (details) { details.open = true; }
    });
    if (!isPoll(event)) {
      moved = null;
      if (dialog.open) { dialog.close(); }
    }
    if (document.activeElement === document.body || !document.activeElement) { focusAgain(); }
  });

  function focusAgain() {
    var wanted = (wentWith && (document.getElementById("moves-" + wentWith) || document.getElementById("title-" + wentWith))) || (kept.focus && document.getElementById(kept.focus));
    wentWith = "";
    if (wanted && wanted.offsetParent !== null) { wanted.focus({ preventScroll: true }); }
  }

  // ---- Answers that are none.
  function putBack() {
    if (!moved) { return; }
    moved.card.classList.remove("card-moving");
    if (moved.parent.isConnected) { moved.parent.insertBefore(moved.card, moved.next && moved.next.isConnected ? moved.next : null); }
    moved = null;
  }

  function failed(words) {
    return function (event) {
      if (isPoll(event)) { return; }
      putBack();
      if (dialog.open) { dialog.close(); }
      var status = event.detail.xhr ? event.detail.xhr.status : 0;
      say(status === 404 ? "That requirement is out of your sight now; nothing was moved." : status === 403 ? "The portal refused this; reload the page and try again. Nothing was moved." : words);
    };
  }
  document.addEventListener("htmx:responseError", failed("The portal failed to do this; nothing was moved."));
  document.addEventListener("htmx:sendError", failed("The portal does not answer; nothing was moved."));
  document.addEventListener("htmx:timeout", failed("The portal takes too long; look again whether it moved."));

  // ---- The dialog that asks why.
  dialog.addEventListener("click", function (event) {
    if (event.target.closest("[data-close-dialog]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("close", function () {
    putBack();
    dialog.replaceChildren();
    focusAgain();
    catchUp();
  });

  // ---- Menus: one at a time; Escape and a click elsewhere close it.
  function closeMenus(but) {
    board.querySelectorAll("[data-menu][open]").forEach(function (menu) { if (menu !== but) { menu.open = false; } });
  }
  board.addEventListener("toggle", function (event) {
    if (!event.target.matches("[data-menu]")) { return; }
    if (event.target.open) { closeMenus(event.target); } else { catchUp(); }
  }, true);
  document.addEventListener("click", function (event) { closeMenus(event.target.closest("[data-menu]")); });
  document.addEventListener("keydown", function (event) {
    var menu = event.key === "Escape" && event.target.closest && event.target.closest("[data-menu][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  board.addEventListener("click", function (event) {
    var button = event.target.closest('button[form="place-form"]');
    if (!button) { return; }
    event.preventDefault();
    wentWith = button.closest("[data-card]").getAttribute("data-card");
    sendPlace(button.value);
    closeMenus(null);
  });
  board.addEventListener("submit", function (event) {
    var card = event.target.closest("[data-card]");
    if (!card) { return; }
    wentWith = card.getAttribute("data-card");
    closeMenus(null);
  });

  // ---- Dragging.
  function buttonTo(card, state) { return card.querySelector('button[name="to"][value="' + state + '"]'); }

  function markColumns() {
    board.querySelectorAll("[data-column]").forEach(function (column) {
      if (column === dragged.column) { return; }
      var button = buttonTo(dragged.card, column.getAttribute("data-column"));
      column.classList.add(button ? "drop-yes" : "drop-no");
      if (button && button.textContent.indexOf("…") >= 0) { column.classList.add("drop-reason"); }
    });
    board.classList.add("board-dragging");
  }

  function clearMarks() {
    board.classList.remove("board-dragging");
    board.querySelectorAll(".drop-yes, .drop-no, .drop-reason, .drop-over, .drop-before, .drop-after, .card-dragged").forEach(function (element) {
      element.classList.remove("drop-yes", "drop-no", "drop-reason", "drop-over", "drop-before", "drop-after", "card-dragged");
    });
  }

  function clearSlot() {
    board.querySelectorAll(".drop-before, .drop-after, .drop-over").forEach(function (element) { element.classList.remove("drop-before", "drop-after", "drop-over"); });
  }

  // Where in its own column: beside the card under the pointer, when that is one of the same project and priority.
  function slotAt(event) {
    if (!dragged.column.hasAttribute("data-places")) { return null; }
    var other = event.target.closest("[data-card]");
    if (!other || other === dragged.card || other.getAttribute("data-peers") !== dragged.card.getAttribute("data-peers")) { return null; }
    var box = other.getBoundingClientRect();
    return { other: other, after: event.clientY > box.top + box.height / 2 };
  }

  board.addEventListener("dragstart", function (event) {
    var card = event.target.closest && event.target.closest("[data-card]");
    if (!card || event.target !== card || moved) { return; }
    closeMenus(null);
    dragged = { card: card, column: columnOf(card), over: null, overOther: false, slot: null, isDone: false };
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", titleOf(card));
    card.classList.add("card-dragged");
    // What changes in the same moment would be in the picture that is dragged, or end the drag.
    window.setTimeout(function () { if (dragged) { markColumns(); } }, 0);
  });

  board.addEventListener("dragover", function (event) {
    if (!dragged) { return; }
    var column = columnOf(event.target);
    dragged.over = column;
    clearSlot();
    dragged.slot = column === dragged.column ? slotAt(event) : null;
    dragged.overOther = column === dragged.column && event.target.closest("[data-card]") !== null && event.target.closest("[data-card]") !== dragged.card;
    if (dragged.slot) { dragged.slot.other.classList.add(dragged.slot.after ? "drop-after" : "drop-before"); }
    if (dragged.slot || (column && column !== dragged.column && buttonTo(dragged.card, column.getAttribute("data-column")))) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
      if (!dragged.slot) { column.classList.add("drop-over"); }
    }
  });

  board.addEventListener("drop", function (event) {
    if (!dragged) { return; }
    event.preventDefault();
    dragged.isDone = true;
    var card = dragged.card;
    wentWith = card.getAttribute("data-card");
    if (dragged.slot) { place(card, dragged.slot); } else { moveTo(card, columnOf(event.target)); }
  });

  function place(card, slot) {
    keepPlace(card);
    slot.other.parentElement.insertBefore(card, slot.after ? slot.other.nextElementSibling : slot.other);
    sendPlace(wentWith + (slot.after ? " after " : " before ") + slot.other.getAttribute("data-card"));
  }

  // The field is off unless a script fills it: a button brings its own value.
  function sendPlace(words) {
    var field = placeForm.querySelector("input[name=place]");
    field.value = words;
    field.disabled = false;
    placeForm.requestSubmit();
    field.disabled = true;
  }

  function moveTo(card, column) {
    keepPlace(card);
    column.querySelector(".cards").prepend(card);
    buttonTo(card, column.getAttribute("data-column")).click();
  }

  function keepPlace(card) {
    moved = { card: card, parent: card.parentElement, next: card.nextElementSibling };
    card.classList.add("card-moving");
  }

  board.addEventListener("dragend", function () {
    if (!dragged) { return; }
    var over = dragged.over;
    var words = "“" + titleOf(dragged.card) + "” stays " + dragged.column.getAttribute("data-label") + ": ";
    if (!dragged.isDone && over && over !== dragged.column) {
      say(words + "your role or the order of states does not let it go from there to " + over.getAttribute("data-label") + ".");
    } else if (!dragged.isDone && dragged.overOther && over.hasAttribute("data-places")) {
      say(words + "only requirements of one project and one priority can change places.");
    }
    dragged = null;
    clearMarks();
    catchUp();
  });
})();
