-- What kind of user asked, told from the attributes on arrival: a projection cannot group by a key of a map.
ALTER TABLE results ADD COLUMN IF NOT EXISTS user_type LowCardinality(String) MATERIALIZED attributes['user_type'];
ALTER TABLE results MATERIALIZE COLUMN user_type;
-- What pages ask of calls (Models, prices), added up for each part and hour by everything that they can be chosen by. Of a
-- run that is settled it is read in place of the calls; those of any other are counted through FINAL (sinks/reading/settled.py).
ALTER TABLE results ADD PROJECTION IF NOT EXISTS calls_by_hour (
    SELECT run_id, effective_ms - positiveModulo(effective_ms, 3600000), tier, component_type, task_type, model, provider,
        task_complexity, user_type,
        if(tier > 1 AND status != 'failed', multiIf(isNull(context_score), '', context_score >= 60, 'rich',
            context_score >= 30, 'good', context_score >= 10, 'medium', context_score >= 0, 'poor', 'poor'), ''),
        count(), countIf(status != 'failed'), sum(latency_ms), count(latency_ms), sum(input_tokens + output_tokens),
        sum(cost_nano_usd), count(cost_nano_usd), sum(confidence_ppm), count(confidence_ppm)
    GROUP BY run_id, effective_ms - positiveModulo(effective_ms, 3600000), tier, component_type, task_type, model, provider,
        task_complexity, user_type,
        if(tier > 1 AND status != 'failed', multiIf(isNull(context_score), '', context_score >= 60, 'rich',
            context_score >= 30, 'good', context_score >= 10, 'medium', context_score >= 0, 'poor', 'poor'), '')
);
ALTER TABLE results MATERIALIZE PROJECTION IF EXISTS calls_by_hour;
