// The command centre's own: the course of the run, the feed, the buttons.
import { Commands } from "./commands.js";
import { Course } from "./course.js";
import { Feed } from "./feed.js";
import { live } from "./live.js";

const ROWS = 12;
const list = document.querySelector('[data-list="activity"]');

if (list) {
  const feed = new Feed(list, document.querySelector("[data-quiet]"), ROWS);
  const course = new Course(document.querySelector("[data-chart]"));
  const commands = new Commands(document.querySelector("[data-commands]"), live.run);
  course.load(live.run);
  live.on("activity", (rows) => feed.take(rows));
  live.on("snapshot", (body) => {
    course.take(body);
    commands.take(body);
  });
}
