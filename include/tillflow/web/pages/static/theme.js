// Inside Airflow's frame the page follows Airflow's theme; alone it follows the system (the style sheet's media query).
(() => {
  "use strict";
  let airflow;
  try {
    airflow = window.parent === window ? null : window.parent.document.documentElement;
  } catch {
    airflow = null; // framed by somebody whose document we may not see
  }
  if (!airflow) return;
  const follow = () => {
    const dark = airflow.classList.contains("dark");
    const light = airflow.classList.contains("light");
    if (dark || light) document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(airflow, { attributes: true, attributeFilter: ["class"] });
})();
