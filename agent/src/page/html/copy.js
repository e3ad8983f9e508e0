
// Without this script nothing is missing but the buttons.
function offerCopies(part) {
  for (const listing of part.querySelectorAll(".listing")) {
    const button = listing.querySelector("button");
    const command = listing.querySelector("code");
    button.hidden = false;
    button.addEventListener("click", async () => {
      let isCopied = true;
      try {
        await navigator.clipboard.writeText(command.textContent);
      } catch {
        // Where a page may not write to the clipboard, it can still select for whoever copies by hand.
        getSelection().selectAllChildren(command);
        isCopied = false;
      }
      button.textContent = isCopied ? "Copied" : "Selected";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
}
offerCopies(document);
