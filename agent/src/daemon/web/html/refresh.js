
// The page is whole without this script. With it the page keeps itself up to date in place: nothing moves under whoever
// reads, and what is selected, chosen or focused stays so.
{
  const every = 10_000;
  const partsOf = (page) => [...page.querySelectorAll("#answer, #list, #as-of, main > section:not(#paths)")];
  // What the daemon said of each part; the browser's own differs once buttons are shown.
  const said = new Map(partsOf(document).map((part) => [part.id, part.outerHTML]));
  const pause = document.getElementById("pause");
  const lost = document.getElementById("lost");
  let isPaused = false;
  let isAsking = false;
  let answered = new Date();

  const renew = (part, fresh) => {
    const selection = getSelection();
    if (!selection.isCollapsed && part.contains(selection.anchorNode)) return;
    const reachable = "a, button, [tabindex]";
    const focused = [...part.querySelectorAll(reachable)].indexOf(document.activeElement);
    const moved = [...part.querySelectorAll(".wide")].map((frame) => frame.scrollLeft);
    const html = fresh.outerHTML;
    const next = document.adoptNode(fresh);
    part.replaceWith(next);
    said.set(next.id, html);
    offerCopies(next);
    next.querySelectorAll(".wide").forEach((frame, index) => { frame.scrollLeft = moved[index] ?? 0; });
    next.querySelectorAll(reachable)[focused]?.focus({ preventScroll: true });
  };

  const ask = async () => {
    if (isPaused || isAsking || document.hidden) return;
    isAsking = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = partsOf(page);
      if (fresh.map((part) => part.id).join() === partsOf(document).map((part) => part.id).join()) {
        for (const part of fresh) {
          if (said.get(part.id) !== part.outerHTML) renew(document.getElementById(part.id), part);
        }
        document.title = page.title;
        answered = new Date();
        if (lost.textContent !== "") lost.textContent = "";
      } else {
        location.reload();
      }
    } catch {
      const time = answered.toISOString().slice(11, 19);
      lost.textContent = `No answer from peerscope since ${time} UTC: what is shown may no longer hold.`;
    } finally {
      isAsking = false;
    }
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Resume updating" : "Pause updating";
    ask();
  });
  // A page that reloads itself needs no second way.
  if (document.querySelector("meta[http-equiv=refresh]")) pause.hidden = true;
  else setInterval(ask, every);
  document.addEventListener("visibilitychange", ask);
}
