// @ts-check
// The console's one script. Every page works without it; with it, pages are live and quick.
//
// data-live="hosts runs"   an element with an id: kept fresh when something of these kinds changes
//                          (kinds of GET /api/v1/live). data-live-run="ID", data-live-host="ID"
//                          narrow what the page hears of. The page is asked for again and each such
//                          element is replaced by its new self; focus, open <details>, checked
//                          boxes, typed text and scroll positions stay.
// data-confirm="ID"        a button of a form: opens the <dialog id=ID> first; a button with
//                          value="yes" in the dialog sends the form. Without the script the form is
//                          sent at once.
// data-dialog="ID"         a button: opens the dialog; hidden, it is shown by the script. data-close
//                          closes the dialog around it.
// data-complete="/path"    an input: completes from GET /path?q=TEXT, JSON {"items":["…"]}.
//                          data-complete-list="ID" takes the options of a <datalist> instead.
//                          data-complete-last: completes the part behind the last comma.
// data-select-all="NAME"   a box: checks every box with this name in its table.
// data-bulk="NAME"         shown while boxes with this name are checked; a [data-count] in it tells
//                          how many.
// data-copy="ID"           a button: copies the text or value of the element with this id.
// data-follow              a scroller: stays at its end while it is there, as output grows.
// data-stream="/path"      a box: shows the events "output" of this stream, HTML of our own, at its
//                          end; at an event "target" the page is looked at again.
// data-preview="ID"        a form: as it is filled in, the element of this id is taken anew from the
//                          page with the fields that data-preview-of names. data-without-script: an
//                          element that is not needed then.
// data-submit              a select or box: sends its form when it changes.
// data-preview="ID"        a field: while it is typed, the element with this id is filled from the
//                          address in its data-preview-from, with the fields that name it.
// data-from-hash           an input: takes the address's part behind #, which is then removed.
// data-search              "/" puts the focus here. "?" shows the keys.
// data-href                a row: a click beside its links follows this address.
// <time datetime>          tells how long ago; data-exact leaves it as it is.

(() => {
  "use strict";

  /** @type {(selector: string, root?: ParentNode) => HTMLElement[]} */
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  /** @type {(id: string | undefined) => HTMLElement | null} */
  const byId = (id) => (id ? document.getElementById(id) : null);

  /** Listens for an event on elements with a selector, those that come later too.
   * @type {(type: string, selector: string, act: (element: any, event: any) => void) => void} */
  const on = (type, selector, act) =>
    document.addEventListener(type, (event) => {
      const target = event.target instanceof Element ? event.target.closest(selector) : null;
      if (target) act(target, event);
    });

  // Times ---------------------------------------------------------------------------------------

  /** @type {(at: number) => string} */
  const relative = (at) => {
    const distance = Math.abs(Date.now() - at) / 1000;
    if (distance < 10) return "now";
    const days = Math.floor(distance / 86400);
    const text =
      distance < 60 ? `${Math.floor(distance)} s`
      : distance < 3600 ? `${Math.floor(distance / 60)} min`
      : days < 1 ? `${Math.floor(distance / 3600)} h`
      : days < 2 ? "1 day"
      : days < 60 ? `${days} days`
      : days < 730 ? `${Math.floor(days / 30)} months`
      : `${Math.floor(days / 365)} years`;
    return at <= Date.now() ? `${text} ago` : `in ${text}`;
  };

  const tellTimes = () => {
    for (const time of all("time[datetime]:not([data-exact])")) {
      const text = relative(Date.parse(time.getAttribute("datetime") ?? ""));
      if (time.textContent !== text && !text.includes("NaN")) time.textContent = text;
    }
  };

  // Live ----------------------------------------------------------------------------------------

  /** The least time between two looks at the page, in milliseconds. */
  const PAUSE = 1000;
  /** @type {EventSource | null} */
  let source = null;
  let stale = false;
  let busy = false;
  let last = 0;
  let timer = 0;
  let wait = 1000;

  const LOST = "The controller does not answer. This page goes on by itself when it is back.";

  /** Tells why the page is not kept fresh; nothing if it is.
   * @type {(why: string) => void} */
  const tellLost = (why) => {
    let note = byId("lost");
    if (!why) return note?.remove();
    if (!note) {
      note = document.createElement("p");
      note.id = "lost";
      note.className = "notice warn lost";
      note.setAttribute("role", "status");
      byId("content")?.prepend(note);
    }
    if (note.textContent !== why) note.textContent = why;
  };

  /** What a person has typed, checked, opened and scrolled to, by element.
   * @type {(root: HTMLElement) => (fresh: HTMLElement) => void} */
  const kept = (root) => {
    /** @type {(element: Element) => string} */
    const key = (element) =>
      element.id || `${element.tagName}:${["name", "value", "href", "data-key"].map((name) => element.getAttribute(name))}:${element.querySelector("summary")?.textContent}`;
    const focused = root.contains(document.activeElement) ? document.activeElement : null;
    const focus = focused && key(focused);
    const open = new Map(all("details", root).map((each) => [key(each), /** @type {any} */ (each).open]));
    const boxes = new Map(all("input[type=checkbox], input[type=radio]", root).map((each) => [key(each), /** @type {any} */ (each).checked]));
    const scrolls = all("[id]", root).filter((each) => each.scrollTop || each.scrollLeft)
      .map((each) => /** @type {const} */ ([each.id, each.scrollTop, each.scrollLeft]));
    const atEnd = new Set(all("[data-follow]", root).filter(isAtEnd).map((each) => each.id));
    return (fresh) => {
      for (const each of all("details", fresh)) if (open.has(key(each))) /** @type {any} */ (each).open = open.get(key(each));
      for (const each of all("input[type=checkbox], input[type=radio]", fresh)) if (boxes.has(key(each))) /** @type {any} */ (each).checked = boxes.get(key(each));
      for (const [id, top, left] of scrolls) byId(id)?.scrollTo({ top, left, behavior: "instant" });
      for (const id of atEnd) { const each = byId(id); each?.scrollTo({ top: each.scrollHeight, behavior: "instant" }); }
      if (focus) all("a, button, input, select, textarea, summary, [tabindex]", fresh).find((each) => key(each) === focus)?.focus({ preventScroll: true });
    };
  };

  /** @type {(element: HTMLElement) => boolean} */
  const isAtEnd = (element) => element.scrollHeight - element.scrollTop - element.clientHeight < 8;

  /** Whether a person is in the middle of something in an element.
   * @type {(element: HTMLElement) => boolean} */
  const inUse = (element) => {
    const active = document.activeElement;
    const typing = active instanceof HTMLElement && element.contains(active) && active.matches("textarea, select, input:not([type=checkbox]):not([type=radio])");
    return typing || element.querySelector("dialog[open]") !== null;
  };

  const refresh = async () => {
    clearTimeout(timer);
    timer = 0;
    if (busy || document.hidden) { stale = true; return; }
    const early = last + PAUSE - Date.now();
    if (early > 0) { stale = true; timer = setTimeout(refresh, early); return; }
    stale = false;
    busy = true;
    last = Date.now();
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
      // The session has ended, or the page is not allowed any more: the server says so by a whole page.
      if (response.type === "opaqueredirect" || (response.status >= 400 && response.status < 500)) return location.reload();
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const old of all("[data-live][id]")) {
        const fresh = page.getElementById(old.id);
        if (!fresh || inUse(old) || old.innerHTML === fresh.innerHTML) continue;
        const put = kept(old);
        old.replaceWith(document.adoptNode(fresh));
        put(fresh);
      }
      all("[data-bulk]").forEach(tellBulk);
      tellTimes();
    } catch {
      stale = true;
    } finally {
      busy = false;
    }
    if (stale && !timer && source) timer = setTimeout(refresh, PAUSE);
  };

  const listen = () => {
    const kinds = new Set(all("[data-live]").flatMap((each) => (each.dataset.live ?? "").split(/\s+/)).filter(Boolean));
    if (kinds.size === 0 || source || document.hidden) return;
    const query = new URLSearchParams({ kinds: [...kinds].sort().join(",") });
    for (const name of ["run", "host"]) {
      const only = document.querySelector(`[data-live-${name}]`)?.getAttribute(`data-live-${name}`);
      if (only) query.set(name, only);
    }
    const opened = new EventSource(`/api/v1/live?${query}`);
    source = opened;
    // What happened before the stream was open is seen by one look.
    opened.onopen = () => { wait = 1000; tellLost(""); refresh(); };
    opened.addEventListener("changed", refresh);
    opened.addEventListener("problem", (event) => {
      const status = JSON.parse(/** @type {MessageEvent} */ (event).data).status;
      if (status === 401 || status === 403) location.reload();
    });
    opened.onerror = () => {
      if (opened !== source) return;
      if (opened.readyState !== EventSource.CLOSED) return tellLost(LOST);
      // The browser gives up where the answer is an error.
      source = null;
      again();
    };
  };

  /** Finds out why there is no stream, says so, and tries again after a longer wait each time. */
  const again = async () => {
    let pause = wait;
    wait = Math.min(wait * 2, 30000);
    try {
      // A stream does not tell its answer's status. One of no kinds ends at once.
      const response = await fetch("/api/v1/live?kinds=");
      if (response.status === 401) return location.reload();
      if (response.status === 429) {
        pause = Math.max(pause, 1000 * Number(response.headers.get("retry-after")));
        tellLost(`This page does not follow what happens: ${(await response.json()).detail}. It goes on by itself when there is room.`);
      } else if (!response.ok) tellLost(LOST);
    } catch { tellLost(LOST); }
    setTimeout(listen, pause * (1 + Math.random() / 4));
  };

  const hush = () => { source?.close(); source = null; };

  // A browser opens few connections to one server: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hush();
    else { listen(); tellTimes(); }
  });
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });

  // Streams and previews ------------------------------------------------------------------------

  /** The most pieces that a box keeps: a page that is left open does not grow. */
  const PIECES = 1000;

  /** @type {(text: string) => ChildNode[]} A line break at the start of <pre> is not part of it. */
  const pieces = (text) =>
    Array.from(new DOMParser().parseFromString(`<pre>\n${text}</pre>`, "text/html").querySelector("pre")?.childNodes ?? []);

  /** @type {(box: HTMLElement) => void} */
  const stream = (box) => {
    let known = "";
    let pause = 1000;
    /** @type {EventSource | null} */
    let events = null;
    const open = () => {
      if (document.hidden || events) return;
      events = new EventSource(`${box.dataset.stream}${known && `?after=${known}`}`);
      events.onopen = () => { pause = 1000; };
      events.addEventListener("output", (event) => {
        const end = isAtEnd(box);
        known = event.lastEventId;
        box.append(...pieces(event.data));
        while (box.childNodes.length > PIECES) box.firstChild?.remove();
        if (end) box.scrollTo({ top: box.scrollHeight, behavior: "instant" });
      });
      events.addEventListener("target", (event) => {
        if (event.data !== "ended") return refresh();
        shut();
        location.reload();
      });
      // The browser gives up where the answer is no stream: the controller starts, or has no room.
      events.onerror = () => {
        if (events?.readyState !== EventSource.CLOSED) return;
        shut();
        setTimeout(open, pause);
        pause = Math.min(pause * 2, 30000);
      };
    };
    const shut = () => { events?.close(); events = null; };
    document.addEventListener("visibilitychange", () => (document.hidden ? shut() : open()));
    addEventListener("pagehide", shut);
    open();
  };

  let previewing = 0;
  on("input", "form[data-preview]", (form) => {
    clearTimeout(previewing);
    previewing = setTimeout(async () => {
      const query = new URLSearchParams();
      for (const name of form.dataset.previewOf.split(" "))
        for (const value of new FormData(form).getAll(name)) query.append(name, String(value));
      const response = await fetch(`${location.pathname}?${query}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById(form.dataset.preview);
      if (response.ok && fresh) byId(form.dataset.preview)?.replaceWith(document.adoptNode(fresh));
    }, 250);
  });

  // Boxes, dialogs, copying ---------------------------------------------------------------------

  /** @type {(name: string | undefined) => any[]} */
  const boxesOf = (name) => all(`input[type=checkbox][name="${CSS.escape(name ?? "")}"]`);

  /** @type {(bar: HTMLElement) => void} */
  const tellBulk = (bar) => {
    const chosen = boxesOf(bar.dataset.bulk).filter((box) => box.checked).length;
    bar.hidden = chosen === 0;
    all("[data-count]", bar).forEach((each) => { each.textContent = chosen.toLocaleString("en-US"); });
  };

  on("change", "input[type=checkbox]", (box) => {
    if (box.dataset.selectAll) boxesOf(box.dataset.selectAll).forEach((each) => { each.checked = box.checked; });
    else for (const whole of /** @type {any[]} */ (all("[data-select-all]"))) {
      if (whole.dataset.selectAll !== box.name) continue;
      const boxes = boxesOf(box.name);
      const chosen = boxes.filter((each) => each.checked).length;
      whole.checked = chosen > 0 && chosen === boxes.length;
      whole.indeterminate = chosen > 0 && chosen < boxes.length;
    }
    all("[data-bulk]").forEach(tellBulk);
  });

  on("change", "[data-submit]", (control) => control.form?.requestSubmit());

  on("click", "[data-dialog]", (button) => /** @type {any} */ (byId(button.dataset.dialog))?.showModal());
  on("click", "[data-close]", (button) => button.closest("dialog")?.close());
  on("click", "[data-confirm]", (button, event) => {
    const dialog = /** @type {HTMLDialogElement | null} */ (byId(button.dataset.confirm));
    if (!dialog || !button.form) return;
    event.preventDefault();
    if (!button.form.reportValidity()) return;
    dialog.returnValue = "";
    dialog.showModal();
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "yes") return;
      button.removeAttribute("data-confirm");
      button.form.requestSubmit(button);
    }, { once: true });
  });
  on("click", "dialog button[value=yes]", (button, event) => {
    const dialog = button.closest("dialog");
    if (button.form && button.form.method !== "dialog" && button.form.hasAttribute("action")) return;
    event.preventDefault();
    dialog.close("yes");
  });

  on("click", "[data-copy]", async (button) => {
    const from = /** @type {any} */ (byId(button.dataset.copy));
    const text = from?.value ?? from?.textContent ?? "";
    try {
      await navigator.clipboard.writeText(text.trim());
    } catch {
      // Plain HTTP on another name has no clipboard: the text is chosen, and Ctrl+C copies it.
      if (from?.select) from.select();
      else if (from) getSelection()?.selectAllChildren(from);
      return;
    }
    const said = button.dataset.label ?? button.textContent;
    button.dataset.label = said;
    const word = button.querySelector("span") ?? button;
    const before = word.textContent;
    word.textContent = "Copied";
    button.disabled = true;
    setTimeout(() => { word.textContent = before; button.disabled = false; }, 1500);
  });

  on("click", "[data-href]", (row, event) => {
    if (event.target.closest("a, button, input, label, summary") || String(getSelection())) return;
    if (event.metaKey || event.ctrlKey) open(row.dataset.href, "_blank", "noopener");
    else location.href = row.dataset.href;
  });

  // A form is sent once, however often its button is pressed.
  addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 5000);
  });

  // Completion ----------------------------------------------------------------------------------

  /** @type {(input: HTMLInputElement) => { before: string, part: string }} */
  const split = (input) => {
    const at = "completeLast" in input.dataset ? input.value.lastIndexOf(",") + 1 : 0;
    return { before: input.value.slice(0, at), part: input.value.slice(at).trimStart() };
  };

  /** @type {(input: HTMLInputElement) => HTMLElement} */
  const listOf = (input) => {
    const known = byId(`${input.id}-list`);
    if (known) return known;
    const list = document.createElement("ul");
    list.id = `${input.id}-list`;
    list.className = "completion";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Suggestions");
    list.hidden = true;
    input.after(list);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", list.id);
    input.setAttribute("aria-expanded", "false");
    input.autocomplete = "off";
    list.addEventListener("mousedown", (event) => {
      const option = /** @type {Element} */ (event.target).closest("li");
      if (option) { event.preventDefault(); take(input, option.textContent ?? ""); }
    });
    return list;
  };

  /** @type {(input: HTMLInputElement, text: string) => void} */
  const take = (input, text) => {
    input.value = split(input).before + text;
    close(input);
    input.focus();
    // A key is followed by its value.
    if (text.endsWith("=")) suggest(input);
  };

  /** @type {(input: HTMLInputElement) => void} */
  const close = (input) => {
    const list = byId(`${input.id}-list`);
    if (list) list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  /** @type {(input: HTMLInputElement) => Promise<string[]>} */
  const items = async (input) => {
    const { part } = split(input);
    const own = byId(input.dataset.completeList);
    if (own) {
      const found = all("option", own).map((each) => /** @type {any} */ (each).value);
      return found.filter((text) => text.toLowerCase().includes(part.toLowerCase()));
    }
    const path = input.dataset.complete ?? "";
    const response = await fetch(`${path}${path.includes("?") ? "&" : "?"}q=${encodeURIComponent(part)}`);
    return response.ok ? (await response.json()).items : [];
  };

  let asked = 0;

  /** @type {(input: HTMLInputElement) => Promise<void>} */
  const suggest = async (input) => {
    const turn = ++asked;
    const found = await items(input).catch(() => []);
    if (turn !== asked || document.activeElement !== input) return;
    const list = listOf(input);
    list.replaceChildren(...found.slice(0, 12).map((text, index) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${index}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dir = "auto";
      option.textContent = text;
      return option;
    }));
    // What is typed whole needs no list over what is below it.
    list.hidden = found.every((text) => text === split(input).part);
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
  };

  let pause = 0;
  const completing = "input[data-complete], input[data-complete-list]";
  on("input", completing, (input) => { clearTimeout(pause); pause = setTimeout(() => suggest(input), 120); });
  on("focusin", completing, (input) => { listOf(input); });
  on("focusout", completing, close);
  on("keydown", completing, (input, event) => {
    const list = listOf(input);
    const options = all("li", list);
    const at = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" && list.hidden) { event.preventDefault(); suggest(input); }
    else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length) {
      event.preventDefault();
      const next = (at + (event.key === "ArrowDown" ? 1 : -1) + options.length + (at < 0 && event.key === "ArrowUp" ? 1 : 0)) % options.length;
      options.forEach((each, index) => each.setAttribute("aria-selected", String(index === next)));
      options[next].scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", options[next].id);
    } else if ((event.key === "Enter" || event.key === "Tab") && at >= 0 && !list.hidden) {
      event.preventDefault();
      take(input, options[at].textContent ?? "");
    } else if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(input); }
  });

  // Previews ------------------------------------------------------------------------------------

  let typed = 0;
  on("input", "[data-preview]:not(form)", ({ dataset: { preview } }) => {
    const turn = ++typed;
    setTimeout(async () => {
      const place = byId(preview);
      if (turn !== typed || !place) return;
      const fields = /** @type {any[]} */ (all(`[data-preview="${preview}"]`)).map((each) => [each.name, each.value]);
      const response = await fetch(`${place.dataset.previewFrom}?${new URLSearchParams(fields)}`).catch(() => null);
      if (turn !== typed || !response?.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      place.replaceChildren(...document.adoptNode(page.getElementById(place.id) ?? page.body).childNodes);
    }, 250);
  });

  // Keys ----------------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea, dialog *")) return;
    if (event.key === "/") {
      const search = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-search]"));
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    } else if (event.key === "?") /** @type {any} */ (byId("keys"))?.showModal();
  });

  // A menu above the content is open where it stands beside it, and closes when its work is done.
  const menu = /** @type {HTMLDetailsElement | null} */ (document.querySelector("[data-menu]"));
  const wide = matchMedia("(min-width: 1024px)");
  const fit = () => { if (menu) menu.open = wide.matches; };
  wide.addEventListener("change", fit);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && menu && !wide.matches) menu.open = false; });

  fit();
  const secret = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-from-hash]"));
  if (secret && location.hash.length > 1) {
    secret.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname + location.search);
    secret.dispatchEvent(new Event("input", { bubbles: true }));
    /** @type {HTMLElement | null} */ (secret.form?.querySelector("input:not([data-from-hash]):not([type=hidden]), button"))?.focus();
  }
  for (const tab of all(".tabs [aria-current]")) tab.parentElement?.scrollTo({ left: tab.offsetLeft - 48, behavior: "instant" });
  all("[data-follow]").forEach((each) => each.scrollTo({ top: each.scrollHeight, behavior: "instant" }));
  all("[data-bulk]").forEach(tellBulk);
  all("[data-without-script]").forEach((each) => { each.hidden = true; });
  all("[data-dialog][hidden]").forEach((each) => { each.hidden = false; });
  all("[data-stream]").forEach(stream);
  tellTimes();
  setInterval(() => { if (!document.hidden) tellTimes(); }, 10000);
  listen();
})();
