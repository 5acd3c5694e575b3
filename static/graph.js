/* The graph of links: zoom by buttons, keys, and Ctrl with the wheel; drag to move. Everything else (fingers, arrows,
   scroll bars, focus) the scrolling frame does by itself, and without this script too. */
(function () {
  "use strict";

  var STEP = 1.25, MOST = 6, NEAR = 1.8;

  document.querySelectorAll("[data-graph]").forEach(function (graph) {
    var frame = graph.querySelector(".graph-frame");
    var picture = frame.querySelector("svg");
    var fit = picture.getBoundingClientRect().width;
    var least = Math.min(1, frame.clientWidth / fit);
    var zoom = 1;

    // The point of the picture under x, y of the frame stays where it is.
    function zoomTo(wanted, x, y) {
      var next = Math.max(least, Math.min(MOST, wanted));
      var left = (frame.scrollLeft + x) / zoom, top = (frame.scrollTop + y) / zoom;
      zoom = next;
      picture.setAttribute("width", Math.round(fit * zoom));
      frame.classList.toggle("is-near", zoom >= NEAR);
      frame.scrollLeft = left * zoom - x;
      frame.scrollTop = top * zoom - y;
    }

    function zoomBy(factor) { zoomTo(zoom * factor, frame.clientWidth / 2, frame.clientHeight / 2); }

    function centre() {
      frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;
      frame.scrollTop = (frame.scrollHeight - frame.clientHeight) / 2;
    }

    function fitAll() {
      zoomTo(frame.clientWidth / fit, 0, 0);
      centre();
    }

    graph.querySelectorAll("[data-zoom]").forEach(function (button) {
      button.addEventListener("click", function () {
        var way = button.getAttribute("data-zoom");
        if (way === "fit") { fitAll(); } else { zoomBy(way === "in" ? STEP : 1 / STEP); }
      });
    });
    frame.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey) { return; }
      if (event.key === "+" || event.key === "=") { zoomBy(STEP); } else if (event.key === "-") { zoomBy(1 / STEP); } else if (event.key === "0") { fitAll(); } else { return; }
      event.preventDefault();
    });
    frame.addEventListener("wheel", function (event) {
      if (!event.ctrlKey && !event.metaKey) { return; }
      event.preventDefault();
      var place = frame.getBoundingClientRect();
      zoomTo(zoom * (event.deltaY < 0 ? STEP : 1 / STEP), event.clientX - place.left, event.clientY - place.top);
    }, { passive: false });

    // A mouse drags; fingers scroll the frame natively. What was dragged is no click on the node under it.
    var held = null, hasMoved = false;
    frame.addEventListener("pointerdown", function (event) {
      if (event.pointerType !== "mouse" || event.button !== 0) { return; }
      held = { x: event.clientX, y: event.clientY, left: frame.scrollLeft, top: frame.scrollTop };
      hasMoved = false;
    });
    window.addEventListener("pointermove", function (event) {
      if (!held) { return; }
      var x = event.clientX - held.x, y = event.clientY - held.y;
      if (Math.abs(x) + Math.abs(y) > 4) {
        hasMoved = true;
        frame.classList.add("is-held");
      }
      frame.scrollLeft = held.left - x;
      frame.scrollTop = held.top - y;
    });
    window.addEventListener("pointerup", function () {
      held = null;
      frame.classList.remove("is-held");
    });
    frame.addEventListener("dragstart", function (event) { event.preventDefault(); });
    frame.addEventListener("click", function (event) {
      if (hasMoved) { event.preventDefault(); }
      hasMoved = false;
    }, true);
    centre();
  });
})();
