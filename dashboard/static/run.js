// The run's page: its course.
import { Course } from "./course.js";
import { live } from "./live.js";

const place = document.querySelector('[data-plot="course"]');
if (place) {
  const course = new Course(place);
  course.load(live.run);
  live.on("snapshot", (body) => course.take(body));
}
