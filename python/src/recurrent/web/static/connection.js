// Connections to a run. Each offers
//
//     do(name, arguments, file)      a promise of [reply, bytes]
//     listen(onFrame, onState)       a function that ends the subscription; the state is true (connected), false or a message

// Server-sent events and POST requests, in a browser.
export function serverConnection() {
  return {
    async do(name, values, file) {
      const query = file ? `?arguments=${encodeURIComponent(JSON.stringify(values))}` : "";
      const type = file ? "application/octet-stream" : "application/json";
      let response;
      try {
        response = await fetch(`/do/${name}${query}`, { method: "POST", headers: { "Content-Type": type }, body: file || JSON.stringify(values) });
      } catch {
        throw new Error("the server does not answer: check that the program still runs");
      }
      if (response.ok && response.headers.get("Content-Type") !== "application/json") {
        return [JSON.parse(response.headers.get("X-Reply")), await response.arrayBuffer()];
      }
      const reply = await response.json();
      if (!response.ok) throw new Error(reply.error);
      return [reply, null];
    },
    listen(onFrame, onState) {
      const source = new EventSource("/events");
      source.onopen = () => onState(true);
      source.onmessage = (event) => onFrame(JSON.parse(event.data));
      source.onerror = () => onState(source.readyState === EventSource.CLOSED ? "the run has ended: start it again and open its new address" : false);
      return () => source.close();
    },
  };
}

// Messages to the kernel, in a notebook (anywidget).
export function kernelConnection(model) {
  const pending = new Map();
  let count = 0;
  const listeners = new Set();
  const receive = (message, buffers) => {
    if (message.kind === "frame") for (const onFrame of listeners) onFrame(message.frame);
    if (message.kind !== "reply" || !pending.has(message.id)) return;
    const [resolve, reject] = pending.get(message.id);
    pending.delete(message.id);
    if (message.error) reject(new Error(message.error));
    else resolve([message.reply, buffers?.length ? buffers[0] : null]);
  };
  model.on("msg:custom", receive);
  return {
    do(name, values, file) {
      const id = `${Date.now()}-${++count}-${Math.random()}`;
      return new Promise((resolve, reject) => {
        pending.set(id, [resolve, reject]);
        model.send({ kind: "do", id, name, arguments: values }, undefined, file ? [file] : []);
      });
    },
    listen(onFrame, onState) {
      listeners.add(onFrame);
      onState(true);
      model.send({ kind: "watch", fresh: true });
      const heartbeat = setInterval(() => model.send({ kind: "watch" }), 10_000);
      return () => {
        clearInterval(heartbeat);
        listeners.delete(onFrame);
        model.off("msg:custom", receive);
      };
    },
  };
}
