// Improves pages that work without it: times in the reader's zone, search as you type, questions before what cannot be
// undone, buttons that copy, rows that are dragged.

// The reader's variant of the page's language: British dates on an English page, where the browser prefers them.
const page = document.documentElement.lang;
const lang = navigator.languages.find((tag) => tag.startsWith(page)) ?? page;

function showTimes(root) {
  const format = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" });
  for (const time of root.querySelectorAll("time[datetime*=T]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = format.format(at);
  }
}

// A list with its filters: the part that they change is loaded while the reader types.
function searchAsYouType(form) {
  const results = document.getElementById(form.dataset.search);
  if (!results) return;
  let timer = 0;
  let latest = null;
  const load = async () => {
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    const url = `${form.action}?${new URLSearchParams(fields)}`;
    latest?.abort();
    latest = new AbortController();
    try {
      const answer = await fetch(url, { signal: latest.signal });
      // The session has ended, or the server is busy: the form, sent whole, shows why.
      if (answer.redirected || answer.status >= 500 || answer.status === 403) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(results.id);
      if (!fresh) return;
      results.replaceChildren(...fresh.childNodes);
      showTimes(results);
      history.replaceState(null, "", url);
    } catch (error) {
      if (error.name !== "AbortError") form.dataset.failed = "";
    }
  };
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(load, event.target.tagName === "SELECT" ? 0 : 150);
  });
}

function ask(question, submit) {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = question;
  const buttons = document.createElement("form");
  buttons.method = "dialog";
  buttons.className = "actions";
  const yes = submit.cloneNode(true);
  yes.type = "submit";
  yes.value = "yes";
  delete yes.dataset.confirm;
  const no = document.createElement("button");
  no.className = "secondary";
  no.textContent = document.body.dataset.cancel;
  buttons.append(yes, no);
  dialog.append(text, buttons);
  document.body.append(dialog);
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "yes");
    });
    dialog.showModal();
    no.focus();
  });
}

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!button?.dataset.confirm) return;
  event.preventDefault();
  if (await ask(button.dataset.confirm, button)) {
    delete button.dataset.confirm;
    event.target.requestSubmit(button);
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = button.dataset.copied;
});

// A run under way: how far it is, and the whole page when it has ended.
for (const place of document.querySelectorAll("[data-progress]")) {
  const events = new EventSource(place.dataset.progress);
  events.addEventListener("progress", (event) => {
    const [percent, ...text] = event.data.split(" ");
    place.querySelector("progress").value = Number(percent);
    place.querySelector("[role=status]").textContent = text.join(" ");
  });
  events.addEventListener("done", () => {
    events.close();
    location.reload();
  });
}

for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

// Of the variants of a form only the parts of the chosen one are shown.
const variants = document.querySelectorAll("input[name=variant], input[name=kind], input[name=change]");
function showVariant() {
  const chosen = [...variants].find((variant) => variant.checked)?.value;
  for (const part of document.querySelectorAll("[data-variant]")) {
    part.hidden = !part.dataset.variant.split(" ").includes(chosen);
  }
}
for (const variant of variants) variant.addEventListener("change", showVariant);
if (variants.length > 0) showVariant();

// The fields of an address follow its country. What was typed meanwhile stays.
for (const select of document.querySelectorAll("select[data-follow]")) {
  const button = select.form.querySelector("button[name=follow]");
  button.hidden = true;
  select.addEventListener("change", async () => {
    const parts = document.getElementById(select.dataset.follow);
    const body = new URLSearchParams(new FormData(select.form));
    body.set("follow", "country");
    const answer = await fetch(select.form.action, { method: "POST", body }).catch(() => null);
    const page = answer?.ok && !answer.redirected ? await answer.text() : "";
    const fresh = new DOMParser().parseFromString(page, "text/html").getElementById(parts.id);
    // The session has ended, or the server is busy: the form, sent whole, shows why.
    button.hidden = fresh !== null;
    if (!fresh) return;
    for (const old of parts.querySelectorAll("input")) {
      const now = fresh.querySelector(`input[name=${old.name}]`);
      if (now) now.value = old.value;
    }
    const focused = parts.contains(document.activeElement) ? document.activeElement.id : "";
    parts.replaceChildren(...fresh.childNodes);
    document.getElementById(focused)?.focus();
  });
}

// Rows that are dragged to another place by their handle, in place of the buttons beside it. Escape puts them back.
for (const handle of document.querySelectorAll(".handle")) {
  handle.hidden = false;
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    const row = handle.closest("tr");
    const next = row.nextElementSibling;
    const drag = new AbortController();
    const on = (name, listener) => document.addEventListener(name, listener, { signal: drag.signal });
    const end = (isDropped) => {
      drag.abort();
      row.classList.remove("dragged");
      if (!isDropped) row.parentElement.insertBefore(row, next);
      if (row.nextElementSibling === next) return;
      const before = row.previousElementSibling;
      const form = row.querySelector("form");
      const other = (before ?? row.nextElementSibling).id.replace("rule-", "");
      for (const [name, value] of [["direction", before ? "behind" : "before"], ["other", other]]) {
        const field = document.createElement("input");
        Object.assign(field, { type: "hidden", name, value });
        form.append(field);
      }
      form.requestSubmit();
    };
    const isBehind = (other, y) => {
      const { top, height } = other.getBoundingClientRect();
      return y > top + height / 2;
    };
    row.classList.add("dragged");
    on("pointermove", ({ clientY }) => {
      const [above, below] = [row.previousElementSibling, row.nextElementSibling];
      if (above && !isBehind(above, clientY)) above.before(row);
      else if (below && isBehind(below, clientY)) below.after(row);
    });
    on("pointerup", () => end(true));
    on("pointercancel", () => end(false));
    on("keydown", ({ key }) => key === "Escape" && end(false));
  });
}

// A file that is too large is not sent: the server would refuse it after the upload.
document.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.dataset.maxBytes) return;
  input.parentElement.querySelector(".too-large")?.remove();
  if (!(input.files[0]?.size > Number(input.dataset.maxBytes))) return;
  const message = document.createElement("p");
  message.className = "wrong too-large";
  message.role = "alert";
  message.textContent = input.dataset.tooLarge;
  input.before(message);
  input.value = "";
});

// The menu of the account closes like one.
const account = document.querySelector(".account");
document.addEventListener("click", (event) => {
  if (account?.open && !account.contains(event.target)) account.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !account?.open) return;
  account.open = false;
  account.querySelector("summary").focus();
});

// On a phone the navigation and charts are wider than the screen: the current page and the newest month are shown.
for (const chart of document.querySelectorAll(".bars")) chart.parentElement.scrollLeft = chart.scrollWidth;
document.querySelector(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

showTimes(document);
document.querySelectorAll("form[data-search]").forEach(searchAsYouType);
document.querySelector(".summary")?.focus();
