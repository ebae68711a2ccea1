// Service worker: answers from the network, and from the cache where the network fails. So a new version of the page
// replaces the old one, and the page works offline after its first load.
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event));
});

async function answer(event) {
  let response;
  try {
    response = await fetch(event.request);
  } catch (error) {
    const kept = await caches.match(event.request, { cacheName: "aersut", ignoreSearch: true }).catch(() => null);
    if (kept) return kept;
    throw error;
  }
  // a storage that is full or forbidden (private windows) must not cost the response
  if (response.ok) event.waitUntil(keep(event.request, response.clone()).catch(() => {}));
  return response;
}

async function keep(request, response) {
  const cache = await caches.open("aersut");
  await cache.put(request, response);
}
