/** Manifests dropped anywhere on the page go into the what-if. */

/** @param {() => void} go shows the what-if @param {import("./whatif.js").WhatIfPanel} whatif */
export function acceptDrops(go, whatif) {
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  addEventListener("drop", async (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    go();
    const text = event.dataTransfer?.getData("text/plain");
    if (event.dataTransfer?.files.length) await whatif.files(event.dataTransfer.files);
    else if (text) await whatif.add(text);
  });
}
