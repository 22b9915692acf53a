// What a number means: a click on it, or Enter, says its definition, unit, window, freshness and SQL.
export function startExplaining() {}
