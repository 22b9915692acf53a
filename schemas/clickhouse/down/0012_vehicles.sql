-- Each column is made of `answers`: nothing is lost with it.
ALTER TABLE results
    DROP PROJECTION IF EXISTS results_of_vehicles, DROP PROJECTION IF EXISTS costs_of_vehicles,
    DROP PROJECTION IF EXISTS labels_of_runs,
    DROP COLUMN IF EXISTS answers_given, DROP COLUMN IF EXISTS validated_receipt, DROP COLUMN IF EXISTS validated_user,
    DROP COLUMN IF EXISTS validated_expert, DROP COLUMN IF EXISTS consensus_asked, DROP COLUMN IF EXISTS consensus_agreed;
