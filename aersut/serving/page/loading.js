// Reports that the page's modules cannot be loaded, which no module could. A script of this kind loads everywhere.
addEventListener("error", ({ target }) => {
  if (!(target instanceof HTMLScriptElement)) return;
  document.getElementById("status").textContent = "";
  document.getElementById("problem").textContent = location.protocol === "file:"
    ? "Browsers do not run this page from a file. Serve its folder, for example with: python -m http.server"
    : "The scripts of this page cannot be loaded. Reload the page; a proxy in between has to forward all of its files.";
}, true);
