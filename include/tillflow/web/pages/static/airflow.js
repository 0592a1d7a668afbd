// A link to a page of Airflow's, clicked inside Airflow's frame, is for the window around it: its sandbox lets the frame
// itself open nothing there. Alone, or without JavaScript, it is a link like any other.
(() => {
  "use strict";
  if (window.parent === window) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    try {
      const outer = window.parent.document.createElement("a");
      outer.href = link.href;
      window.parent.document.body.append(outer);
      outer.click();
      outer.remove();
      event.preventDefault();
    } catch {
      // framed by somebody whose document we may not touch
    }
  });
})();
