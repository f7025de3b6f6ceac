/** The API parameters of a search. */

/** Whether the query is a clip without text. */
export function byClipOnly(place) {
  return Boolean(!place.q && (place.segment || place.upload));
}

/** Return the API parameters for a place. */
export function parameters(place) {
  const clip = { segment: place.segment, upload: place.upload };
  if (byClipOnly(place)) return clip;
  return {
    q: place.q,
    ...clip,
    only: place.only,
    min_confidence: place.min,
    per_video: place.each && "1",
    rerank: place.rerank && "50",
  };
}
