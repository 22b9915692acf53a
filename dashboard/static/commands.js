// The buttons: a command goes into the log, and the processor's answer is waited for.
const ASK_MS = 1_000;
const PATIENCE_MS = 30_000;

export class Commands {
  constructor(element, run) {
    this.run = run;
    this.said = element.querySelector("[data-command-said]");
    [this.pace, this.speed, this.again] = element.querySelectorAll("[data-command]");
    for (const button of [this.pace, this.speed, this.again]) {
      button.addEventListener("click", () => this.issue(button));
    }
    element.hidden = false;
  }

  take(body) {
    const paused = body.state === "paused";
    this.pace.dataset.command = paused ? "resume" : "pause";
    this.pace.textContent = paused ? "Resume" : "Pause";
    this.capacity = body.current.capacity;
    this.pace.disabled = body.state === "finished";
    this.speed.disabled = body.state === "finished" || !this.capacity;
    this.again.disabled = !body.progress.failed;
    if (this.capacity) this.speed.textContent = `Speed up to ${2 * this.capacity} calls`;
  }

  async issue(button) {
    const action = button.dataset.command;
    const args = { set_concurrency: { concurrency: 2 * this.capacity }, reprocess: { failed: true } }[action] ?? {};
    const words = button.textContent;
    this.say(`${words}: on its way`);
    const answer = await fetch("/api/commands", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ runId: this.run, action, args }),
    }).catch(() => null);
    const command = await answer?.json().catch(() => null);
    if (!answer?.ok) this.say(`${words}: ${command?.detail ?? "the dashboard does not answer"}`);
    else await this.wait(words, command.commandId);
  }

  async wait(words, commandId) {
    const end = Date.now() + PATIENCE_MS;
    while (Date.now() < end) {
      await new Promise((done) => setTimeout(done, ASK_MS));
      const answer = await fetch(`/api/commands?run=${encodeURIComponent(this.run)}`).catch(() => null);
      const commands = answer?.ok ? await answer.json() : [];
      const command = commands.find((item) => item.commandId === commandId);
      if (command && command.state !== "pending") {
        this.say(`${words}: ${command.state}${command.answer ? `, ${command.answer}` : ""}`);
        if (command.state !== "accepted") return;
      }
    }
    if (this.said.textContent.endsWith("on its way")) {
      this.say(`${words}: no processor has answered; it is obeyed when one works on this run`);
    }
  }

  say(text) {
    this.said.textContent = text;
  }
}
