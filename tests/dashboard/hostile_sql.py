"""Statements that the reader must never run, in many spellings: (statement, parameters)."""

_ONE_A_LINE = r"""
INSERT INTO secrets VALUES (1)
INSERT INTO FUNCTION file('/tmp/never', CSV) SELECT 1
INSERT/**/INTO secrets SELECT 1
CREATE TABLE imageledger.z (a Int8) ENGINE = Memory
CREATE OR REPLACE VIEW imageledger.z AS SELECT * FROM file('/etc/passwd')
CREATE TEMPORARY TABLE z (a Int8)
CREATE FUNCTION f AS x -> file(x)
CREATE DICTIONARY imageledger.d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT TSV)) LAYOUT(FLAT())
CREATE NAMED COLLECTION x AS a = 1
ALTER TABLE secrets DELETE WHERE 1
ALTER/* */TABLE secrets UPDATE a = 2 WHERE 1
DELETE FROM secrets WHERE 1
UPDATE secrets SET a = 2 WHERE 1
TRUNCATE TABLE secrets
DROP TABLE secrets
dRoP/**/tAbLe imageledger.secrets
DETACH TABLE imageledger.secrets
ATTACH TABLE imageledger.x FROM '/etc' (a Int8) ENGINE = File(CSV)
RENAME TABLE imageledger.secrets TO imageledger.gone
EXCHANGE TABLES imageledger.secrets AND imageledger.secrets
OPTIMIZE TABLE secrets FINAL
CHECK TABLE secrets
BACKUP TABLE secrets TO File('x')
RESTORE TABLE secrets FROM File('x')
GRANT ALL ON *.* TO reader
SET max_result_rows = 0
SET ROLE ALL
USE system
KILL QUERY WHERE 1
KILL/**/QUERY WHERE user != '' SYNC
SYSTEM FLUSH LOGS
SYSTEM SHUTDOWN
BEGIN TRANSACTION
EXECUTE AS default SELECT 1
SHOW PROCESSLIST
SHOW GRANTS
SHOW ACCESS
SHOW CREATE USER default
SELECT 1; SELECT 2
SELECT 1;/**/DROP TABLE secrets
SELECT 1 PARALLEL WITH DROP TABLE secrets
SELECT 1 SETTINGS max_result_rows = 0
SELECT 1 SETTINGS/**/readonly = 0
SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)
SELECT 1 FORMAT CSV SETTINGS max_memory_usage = 0
EXPLAIN actions = 1 SELECT 1 FORMAT CSV SETTINGS max_memory_usage = 0
SELECT 1 INTO OUTFILE '/tmp/never'
SELECT 1 INTO/**/OUTFILE '/tmp/never' FORMAT CSV
(SELECT 1) INTO OUTFILE '/tmp/never'
SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '/tmp/never'
SHOW TABLES INTO OUTFILE '/tmp/never'
DESCRIBE secrets INTO OUTFILE '/tmp/never'
EXPLAIN SELECT 1 INTO OUTFILE '/tmp/never'
EXISTS secrets INTO OUTFILE '/tmp/never'
SELECT file('/etc/passwd')
SELECT FILE('/etc/passwd')
SELECT `file`('/etc/passwd')
SELECT "file"('/etc/passwd')
SELECT `fi\x6ce`('/etc/passwd')
SELECT file/* */('/etc/passwd')
SELECT file($$/etc/passwd$$)
SELECT file('/etc/passwd') --
WITH file('/etc/passwd') AS f SELECT f
WITH file AS f SELECT arrayMap(f, ['/etc/passwd'])
WITH (SELECT file('/etc/passwd')) AS f SELECT f
SELECT arrayMap(x -> file(x), ['/etc/passwd'])
SELECT arrayMap(file, ['/etc/passwd'])
SELECT arrayFold(file, ['/etc/passwd'], '')
SELECT * APPLY(file) FROM (SELECT '/etc/passwd')
SELECT COLUMNS('x') APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS x)
SELECT * REPLACE (file('/etc/passwd') AS a) FROM secrets
SELECT CASE WHEN 1 THEN file('/etc/passwd') END
SELECT a FROM secrets WHERE file('/etc/passwd') != ''
SELECT * FROM secrets PREWHERE file('/etc/passwd') != ''
SELECT a FROM secrets GROUP BY a HAVING file('/etc/passwd') != ''
SELECT a FROM secrets QUALIFY file('/etc/passwd') != ''
SELECT a FROM secrets ORDER BY file('/etc/passwd')
SELECT a FROM secrets ORDER BY a WITH FILL FROM length(file('/etc/passwd'))
SELECT a FROM secrets LIMIT (SELECT length(file('/etc/passwd')))
SELECT sum(a) OVER (PARTITION BY file('/etc/passwd')) FROM secrets
SELECT sum(a) OVER w FROM secrets WINDOW w AS (ORDER BY file('/etc/passwd'))
SELECT x FROM secrets ARRAY JOIN [file('/etc/passwd')] AS x
SELECT 1 UNION ALL SELECT length(file('/etc/passwd'))
SELECT * FROM file('/etc/passwd')
SELECT * FROM FILE('/etc/passwd', LineAsString)
SELECT * FROM (SELECT * FROM (SELECT * FROM file('/etc/passwd')))
WITH x AS (SELECT * FROM file('/etc/passwd')) SELECT * FROM x
WITH RECURSIVE x AS (SELECT 1 AS a UNION ALL SELECT a FROM x, file('/etc/passwd')) SELECT * FROM x
SELECT 1 FROM secrets JOIN file('/etc/passwd', LineAsString) AS f ON 1 = 1
SELECT * FROM view(SELECT * FROM file('/etc/passwd'))
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT file('/etc/passwd')))
SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('a Int8'))
SELECT * FROM values('a String', file('/etc/passwd'))
SELECT * FROM default."/etc/passwd"
SELECT * FROM "/etc/passwd"
EXISTS TABLE default."/etc/passwd"
EXISTS default."/etc/passwd"
SHOW CREATE TABLE default."/etc/passwd"
DESCRIBE default."/etc/passwd"
DESCRIBE TABLE file('/etc/passwd')
DESCRIBE (SELECT file('/etc/passwd'))
EXPLAIN PLAN SELECT file('/etc/passwd')
EXPLAIN QUERY TREE SELECT file('/etc/passwd')
EXPLAIN ESTIMATE SELECT * FROM system.users
SELECT * FROM (EXPLAIN SELECT * FROM system.users)
SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')
SELECT * FROM urlCluster('x', 'http://127.0.0.1:1/')
SELECT * FROM s3('http://127.0.0.1:1/y')
SELECT * FROM s3Cluster('x', 'http://127.0.0.1:1/y')
SELECT * FROM gcs('http://127.0.0.1:1/y')
SELECT * FROM remote('127.0.0.1', system.users)
SELECT * FROM remote('127.0.0.1', view(SELECT 1))
SELECT * FROM remoteSecure('127.0.0.1', system.users)
SELECT * FROM cluster('default', system, users)
SELECT * FROM clusterAllReplicas('default', system.users)
SELECT * FROM mysql('127.0.0.1:1', 'b', 'c', 'd', 'e')
SELECT * FROM postgresql('127.0.0.1:1', 'b', 'c', 'd', 'e')
SELECT * FROM sqlite('/tmp/x', 't')
SELECT * FROM executable('id', 'TSV', 'a String')
SELECT * FROM python('x')
SELECT * FROM dictionary('x')
SELECT dictGet('d', 'a', 1)
SELECT joinGet('imageledger.secrets', 'a', 1)
SELECT hasColumnInTable('system', 'users', 'name')
SELECT * FROM merge('system', '.*')
SELECT * FROM merge('^system$', '.*')
SELECT * FROM merge(currentDatabase(), '.*')
SELECT * FROM loop(system.users)
SELECT * FROM mergeTreeIndex(system, users)
SELECT * FROM system.users
SELECT * FROM "system"."users"
SELECT * FROM system . /* */ users
SELECT * FROM `sys\x74em`.users
SELECT * FROM secrets, system.processes
SELECT (SELECT count() FROM system.query_log)
SELECT 1 WHERE EXISTS (SELECT * FROM system.users)
SELECT 1 IN system.users
SELECT 1 GLOBAL NOT IN system.users
SELECT in(1, system.users)
SELECT 1 IN (system.users)
SELECT 1 IN `system`.`users`
SELECT getServerSetting('max_server_memory_usage')
SELECT getMacro('x')
SELECT sleep(1)
SELECT sleepEachRow(1) FROM numbers(3)
SHOW CLUSTERS
SHOW/**/CLUSTER 'default'
SHOW MERGES
SHOW FILESYSTEM CACHES
SHOW CREATE DICTIONARY system.users
SHOW CREATE SETTINGS PROFILE default
SHOW USERS
SHOW ROLES
SHOW QUOTAS
SHOW PRIVILEGES
CHECK GRANT SELECT ON *.*
CREATE WORKLOAD x
UNDROP TABLE secrets
MOVE USER x TO local_directory
SET TRANSACTION SNAPSHOT 1
COMMIT
FROM system.users SELECT *
EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'b', 'c', 'd', 'e') COLUMNS (a Int8)
EXPLAIN AST SELECT file('/etc/passwd')
EXPLAIN SELECT 1 FORMAT CSV SETTINGS readonly = 0
SELECT * FROM view(SELECT 1 SETTINGS readonly = 0)
SELECT 1 INTO OUTFILE '/tmp/never' AND STDOUT
SELECT 1 INTO OUTFILE '/tmp/never' APPEND COMPRESSION 'gzip'
SELECT * FROM kql(system.users)
SELECT * FROM format(CSV, 'a Int8', '1')
SELECT * FROM input('a Int8')
SELECT * FROM icebergLocal('/tmp')
SELECT * FROM deltaLakeLocal('/tmp')
SELECT * FROM azureBlobStorage('x', 'y', 'z')
SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a Int8')
SELECT * FROM redis('127.0.0.1:1', 'a', 'a String')
SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a Int8')
SELECT * FROM arrowFlight('127.0.0.1:1', 'x')
SELECT * FROM fileCluster('x', '/etc/passwd')
SELECT * FROM mergeTreeProjection(imageledger, results, 'x')
SELECT * FROM get_best_model_for_task(task_type = file('/etc/passwd'), priority = 'x')
SELECT * FROM get_best_model_for_task(task_type = (SELECT name FROM system.users LIMIT 1), priority = 'x')
SELECT 1 FROM system.one WHERE 1 = ANY (SELECT 1 FROM system.users)
SELECT arrayExists(x -> x IN system.users, [1])
SELECT nullIn(1, system.users)
WITH system AS (SELECT 1 AS users) SELECT * FROM system.users
SELECT a.a FROM secrets AS a ASOF JOIN system.users AS b ON a.a = b.a
SELECT INTERVAL (SELECT count() FROM system.users) DAY
SELECT * FROM numbers(1) LIMIT (SELECT count() FROM system.users)
SELECT mapApply((k, v) -> (k, file(v)), map('a', '/etc/passwd'))
SELECT tuple(* APPLY(file)) FROM (SELECT '/etc/passwd')
SELECT x -> file(x)
SELECT logTrace('x')
SELECT regionToName(1)
SELECT catboostEvaluate('/etc/passwd', 1)
SELECT addressToLine(1)
SELECT generateRandomStructure(3)
"""

_WITH_A_LINE_FEED = [
    # The dump of the parsed statement has a line for each node, and these names are two: what follows a line that is
    # no node must not be lost.
    "WITH 1 AS `x\ny` SELECT `x\ny` IN system.users",
    "WITH 1 AS `x\ny` SELECT (`x\ny`) IN system.processes",
    "WITH 1 AS `x\n      y` SELECT `x\n      y` IN system.processes",
    "SELECT `a\n Identifier b` IN system.processes FROM (SELECT 1 AS `a\n Identifier b`)",
    "SELECT 1 AS `x\ny`, file('/etc/passwd')",
]

_WITH_PARAMETERS = [
    ("SELECT * FROM {t:Identifier}", {"t": "system.users"}),
    ("SELECT * FROM {d:Identifier}.{t:Identifier}", {"d": "system", "t": "users"}),
    ("SELECT arrayMap({f:Identifier}, ['/etc/passwd'])", {"f": "file"}),
    ("SELECT * FROM {d:Identifier}.{t:Identifier}", {"d": "default", "t": "/etc/passwd"}),
]

HOSTILE: list[tuple[str, dict[str, str]]] = [
    *((line, {}) for line in _ONE_A_LINE.strip().splitlines()),
    *((statement, {}) for statement in _WITH_A_LINE_FEED),
    *_WITH_PARAMETERS,
]
