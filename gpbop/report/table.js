// The table of trials: sorted by any column, and shown page by page when it is long.
(() => {
  const ROWS = 50; // rows of a page
  const MOST_PRINTED = 500; // longer tables print the page that is shown
  const table = document.getElementById("trials");
  const body = table.tBodies[0];
  const original = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[1].cells);
  const letters = new Intl.Collator(undefined, { numeric: true });
  let rows = original, page = 0;

  function key(row, column, isNumber) {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent;
    if (text === "") return null;
    return isNumber ? Number(text) : text;
  }

  // Missing cells come last in either direction; equal ones stay in the order of the experiments.
  function sort(column, direction) {
    const isNumber = heads[column].classList.contains("number");
    const compare = isNumber ? (a, b) => a - b : letters.compare;
    const keyed = original.map((row) => [key(row, column, isNumber), row]);
    keyed.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : direction * compare(a, b)));
    rows = keyed.map(([, row]) => row);
  }

  function show(to) {
    const pages = Math.max(1, Math.ceil(rows.length / ROWS));
    page = Math.max(0, Math.min(to, pages - 1));
    const first = page * ROWS, last = Math.min(first + ROWS, rows.length);
    body.replaceChildren(...rows.slice(first, last));
    if (pages === 1) return;
    place.textContent = `${(first + 1).toLocaleString("en")}\u2013${last.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
  }

  function button(words, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = words;
    made.addEventListener("click", action);
    return made;
  }

  heads.forEach((head, column) => {
    head.setAttribute("aria-sort", "none");
    const made = button(head.textContent, () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(column, up ? 1 : -1);
      show(0);
    });
    head.replaceChildren(made);
  });
  heads[0].setAttribute("aria-sort", "ascending");

  const pager = document.createElement("div"), place = document.createElement("span");
  const back = button("\u2190 Back", () => show(page - 1)), on = button("Next \u2192", () => show(page + 1));
  if (rows.length > ROWS) {
    pager.className = "pager";
    place.setAttribute("role", "status");
    pager.append(back, on, place);
    table.parentElement.after(pager);
  }
  table.classList.add("paged");
  show(0);

  window.addEventListener("beforeprint", () => { if (rows.length <= MOST_PRINTED) body.replaceChildren(...rows); });
  window.addEventListener("afterprint", () => show(page));
})();
