/** Play a moment inside its thumbnail on hover. */

const HOVER_MS = 180; // before it plays

/**
 * @param {Element} card that is hovered
 * @param {Element} thumb that holds the video
 * @param {string} media URL
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
    video.load(); // closes the connection
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
    playing.play().catch(() => {}); // format or settings do not allow it: keep the thumbnail
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
