/** A moment plays inside its thumbnail while the pointer rests on it. */

const HOVER_MS = 180; // less is passing by

/**
 * @param {Element} card whose pointer is watched
 * @param {Element} thumb that shows it
 * @param {string} media address of the video
 * @param {number} start seconds
 * @param {number} end
 */
export function attachPreview(card, thumb, media, start, end) {
  let timer = 0;
  let video = null;
  const stop = () => {
    clearTimeout(timer);
    if (!video) return;
    thumb.classList.remove("previewing");
    video.removeAttribute("src");
    video.load(); // lets the connection go
    video.remove();
    video = null;
  };
  const begin = () => {
    const playing = mutedVideo(media, start);
    video = playing;
    playing.addEventListener("playing", () => thumb.classList.toggle("previewing", playing === video), { once: true });
    playing.addEventListener("error", () => playing === video && stop());
    playing.addEventListener("timeupdate", () => {
      if (playing === video && playing.currentTime >= end) playing.currentTime = start;
    });
    thumb.append(playing);
    playing.play().catch(() => {}); // the format, or the person's settings, do not allow it: the still stays
  };
  card.addEventListener("pointerenter", (event) => {
    if (event.pointerType === "touch" || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    timer = setTimeout(begin, HOVER_MS);
  });
  card.addEventListener("pointerleave", stop);
  card.addEventListener("click", stop);
}

function mutedVideo(media, start) {
  const video = document.createElement("video");
  video.muted = true;
  video.loop = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  video.tabIndex = -1;
  video.setAttribute("aria-hidden", "true");
  video.src = `${media}#t=${start}`;
  return video;
}
