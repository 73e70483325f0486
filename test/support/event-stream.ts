// A client of the live streams, as a page reads them: fetch, and the events as they come.
export interface StreamEvent {
  event: string;
  id: string | undefined;
  data: Record<string, unknown>;
}

/** What came before the stream ended or was left. */
export class EventStream {
  readonly events: StreamEvent[] = [];
  readonly status: number;
  readonly headers: Headers;
  /** Characters. */
  received = 0;
  retryMs: number | undefined;
  /** Resolves when the server has ended the stream, `cut` when the connection was. */
  readonly ended: Promise<'ended' | 'cut'>;
  private readonly controller: AbortController;

  private constructor(response: Response, controller: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.controller = controller;
    this.ended = this.read(response).then(
      () => 'ended' as const,
      () => 'cut' as const,
    );
  }

  /** Resolves with the head of the answer. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const controller = new AbortController();
    const response = await fetch(url, { headers, signal: controller.signal });
    return new EventStream(response, controller);
  }

  /** As a page that is closed, or a network that is gone. */
  async leave(): Promise<void> {
    this.controller.abort();
    await this.ended;
  }

  named(event: string): StreamEvent[] {
    return this.events.filter((one) => one.event === event);
  }

  get last(): StreamEvent | undefined {
    return this.events.at(-1);
  }

  private async read(response: Response): Promise<void> {
    let pieces: string[] = [];
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const text = decoder.decode(chunk as Uint8Array, { stream: true });
      this.received += text.length;
      pieces.push(text);
      // Every frame ends a chunk of its own, but a network may cut it anywhere.
      if (!text.endsWith('\n')) continue;
      const frames = pieces.join('').split('\n\n');
      pieces = [frames.pop() ?? ''];
      for (const frame of frames) this.take(frame);
    }
  }

  private take(frame: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
    const event = field('event');
    const retry = field('retry');
    if (retry !== undefined) this.retryMs = Number(retry);
    if (event === undefined) return;
    this.events.push({
      event,
      id: field('id'),
      data: JSON.parse(field('data') ?? '{}') as StreamEvent['data'],
    });
  }
}
