// The live camera: a frame at a time is sent to be read, until there is a number to look at. Nothing is looked up by
// itself: two or three in a hundred are misread.
const LONGEST_SIDE = 1280; // pixels; more reads no better
const PAUSE_MS = 600; // between frames: a person is allowed 120 a minute
const GIVE_UP_MS = 60_000;

const root = document.querySelector("[data-camera]");
const part = (name) => root.querySelector(`[data-part="${name}"]`);
const say = (key) => (part("says").textContent = key ? root.dataset[key] : "");
let stream = null;
let timer = null;
let began = 0;
let session = 0; // a frame that comes back after its camera was stopped is nobody's

function show(running) {
  part("view").hidden = !running;
  part("stop").hidden = !running;
  part("start").hidden = running;
}

function stop(key) {
  session += 1;
  part("start").classList.toggle("primary", key !== "found"); // then the next step is to look it up
  clearTimeout(timer);
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  part("video").srcObject = null;
  show(false);
  say(key);
}

async function start() {
  part("found").replaceChildren();
  say("starting");
  const mine = ++session;
  try {
    const opened = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } },
    });
    if (mine !== session) {
      for (const track of opened.getTracks()) track.stop();
      return;
    }
    stream = opened;
    part("video").srcObject = stream;
    show(true);
    await part("video").play();
  } catch (error) {
    if (mine === session) stop(error.name === "NotAllowedError" ? "refused" : "missing");
    return;
  }
  say("looking");
  began = Date.now();
  look(mine);
}

async function look(mine) {
  if (mine !== session) return;
  if (Date.now() - began > GIVE_UP_MS) return stop("tired");
  const sentAt = Date.now();
  const frame = await picture();
  if (frame) {
    try {
      const codes = await read(frame);
      if (mine !== session) return;
      if (codes.length > 0) return found(codes[0]);
    } catch (error) {
      if (mine !== session) return;
      stop(error instanceof TypeError ? "unreachable" : "");
      if (!(error instanceof TypeError)) part("says").textContent = error.message;
      return;
    }
  }
  timer = setTimeout(() => look(mine), Math.max(0, sentAt + PAUSE_MS - Date.now()));
}

function picture() {
  const video = part("video");
  if (!video.videoWidth) return null;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
}

async function read(frame) {
  const body = new FormData();
  body.append("image", frame, "frame.jpg");
  const response = await fetch(root.dataset.address, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": root.dataset.csrf },
    credentials: "same-origin",
    body,
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error?.user_message ?? root.dataset.unreachable);
  return answer.codes;
}

// As printed under the bars; the server groups digits in the same way.
function grouped(code) {
  const digits = code.length === 13 && code.startsWith("0") ? code.slice(1) : code;
  const sizes = { 8: [4, 4], 12: [1, 5, 5, 1], 13: [1, 6, 6] }[digits.length] ?? [digits.length];
  let from = 0;
  return sizes.map((size) => digits.slice(from, (from += size))).join("\u00a0");
}

function found({ barcode, product }) {
  stop("found");
  const card = root.querySelector("template").content.cloneNode(true);
  card.querySelector(".barcode").textContent = grouped(barcode);
  const known = card.querySelector(".known");
  if (product) known.textContent = [product.name, product.brand].filter(Boolean).join(", ");
  else known.remove();
  const link = card.querySelector("a");
  link.href = link.dataset.pattern.replace("0000", barcode);
  card.querySelector("input[name=barcode]").value = barcode;
  part("found").replaceChildren(card);
  part("found").querySelector("a").focus();
}

if (navigator.mediaDevices?.getUserMedia) {
  root.hidden = false;
  part("start").addEventListener("click", start);
  part("stop").addEventListener("click", () => stop(""));
  document.addEventListener("visibilitychange", () => document.hidden && stream && stop(""));
  window.addEventListener("pagehide", () => stop(""));
} else if (!window.isSecureContext) {
  root.hidden = false;
  part("start").hidden = true;
  say("insecure");
}
