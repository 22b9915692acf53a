// The reports page's own: the report's maps as lists, for its tables.
import { fill } from "./bind.js";
import { whenFilled } from "./sources.js";

const named = (map) => Object.entries(map).map(([name, part]) => ({ name, ...part }));

whenFilled("report", (body, element) => {
  const { byTier, byModel, byContextScore } = body.breakdown;
  const advice = body.recommendations.map((text) => ({ text }));
  fill(element, { ...body, tiers: named(byTier), models: named(byModel), bands: named(byContextScore), advice });
});
