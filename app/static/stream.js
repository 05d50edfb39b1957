// Gradio ends the stream of answers as soon as none is awaited. What the page asks for while that
// end is still on its way would wait for an answer until something else is asked: the page believes
// in a stream that the server has left. So an end is held back until no question is on its way,
// and not told at all where an answer is still awaited: the page reads on from another stream.
// It waits for the server's answer to a stop, which takes as long as the step under way, and only then
// forgets the stopped work: by then perhaps a new one, begun meanwhile, which nothing stops any more.
// So a stop is taken for answered as soon as it is sent, and what the stopped work still says until
// the server hears of it is not handed on: it would cover the word that it was stopped.
// And it lays out an answer piece by piece, two at a time if they come together, so that the rest of
// the first may cover the second: the next is handed on when the one before it is on the page.
// And it sends what was asked at once over connections of their own, where the second may overtake the
// first: a question about a picture would be answered, and the picture then take the answer away. So
// each is sent when the server has taken the one before; one that was lost on its way keeps nobody
// waiting for good.
(() => {
    const fetched = window.fetch.bind(window);
    const asking = new Set(); // questions that the server is still to take
    const awaited = new Set(); // events without an answer
    const SETTLED = 60; // milliseconds in which an answer is laid out; on a busy machine until it rests,
    const UNREST = 1000; // but no longer than that
    const PATIENCE = 10000; // milliseconds in which the server takes a question
    const early = new Set(); // events answered before the page knew of them
    const stopped = new Set(); // events that the visitor ended

    async function joined(asked, settings) {
        const response = await fetched(asked, settings);
        const event = response.ok && (await response.clone().json()).event_id;
        if (event && !early.delete(event)) awaited.add(event);
        return response;
    }

    const passed = milliseconds => new Promise(done => setTimeout(done, milliseconds));
    const taken = question => Promise.race([question.catch(() => null), passed(PATIENCE)]);

    let last = Promise.resolve();
    function inOrder(question) {
        const turn = last;
        const asked = turn.then(question);
        last = turn.then(() => taken(asked));
        return asked;
    }

    const rest = () => new Promise(done => window.requestIdleCallback?.(done, { timeout: UNREST }) ?? done());
    const settled = () => passed(SETTLED).then(rest);

    function counted(question) {
        const done = taken(question).then(() => asking.delete(done));
        asking.add(done);
        return question;
    }

    function sent(asked, settings) {
        fetched(asked, settings).catch(() => null); // without a server, the next question says so
        return Promise.resolve(new Response("{}", { headers: { "Content-Type": "application/json" } }));
    }

    async function* blocks(body, left) {
        const decoder = new TextDecoder();
        const reader = body.getReader();
        left.cancel = reason => reader.cancel(reason);
        let rest = "";
        for (;;) {
            const { done, value } = await reader.read();
            if (done) break;
            const whole = (rest + decoder.decode(value, { stream: true })).split("\n\n");
            rest = whole.pop();
            for (const block of whole) yield `${block}\n\n`;
        }
        if (rest) yield rest;
    }

    async function* unbroken(request, body, left) {
        while (body) {
            let next = null;
            for await (const block of blocks(body, left)) {
                const told = block.slice(0, 200); // what is answered may be long, and comes last
                const message = /"msg": ?"(\w+)"/.exec(told)?.[1];
                const event = /"event_id": ?"(\w+)"/.exec(told)?.[1];
                if (message === "process_completed" && !awaited.delete(event)) early.add(event);
                if (message === "unexpected_error") awaited.clear();
                if (message === "close_stream") {
                    while (asking.size) await Promise.allSettled([...asking]);
                    if (awaited.size) {
                        const response = await fetched(new Request(request));
                        if (response.ok) next = response.body;
                    }
                }
                const unheard = message === "process_generating" && stopped.has(event);
                if (!next && !unheard) yield block;
                if (message === "process_completed") await settled();
            }
            body = next;
        }
    }

    async function streamed(asked, settings) {
        const request = new Request(asked, settings);
        const response = await fetched(new Request(request));
        if (!response.ok || !response.body) return response;
        const left = {};
        const found = unbroken(request, response.body, left);
        const encoder = new TextEncoder();
        const body = new ReadableStream({
            async pull(controller) {
                const { done, value } = await found.next();
                if (done) controller.close();
                else controller.enqueue(encoder.encode(value));
            },
            cancel: reason => left.cancel?.(reason),
        });
        return new Response(body, { status: response.status, headers: response.headers });
    }

    window.fetch = (asked, settings) => {
        const { pathname } = new URL(asked.url ?? asked, location.href);
        if (pathname.endsWith("/queue/join")) return counted(inOrder(() => joined(asked, settings)));
        if (pathname.endsWith("/queue/data")) return streamed(asked, settings);
        if (pathname.endsWith("/cancel")) {
            const event = /"event_id": ?"(\w+)"/.exec(settings?.body)?.[1];
            if (event) stopped.add(event);
        }
        if (/\/(cancel|reset)$/.test(pathname)) return sent(asked, settings);
        return fetched(asked, settings);
    };
})();
