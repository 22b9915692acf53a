"""What the reader may and may not do. Each refusal was tried against the bare engine, where it works."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from servers.clickhouse.reader import CEILINGS, LIMITS
from servers.clickhouse.users import Addresses
from servers.processes import wait_until

ALLOWED = """
select 1
select * from rows
select a, count() from imageledger.rows where a in (select a from plain) group by a order by 1
select * from chosen(x=1)
select * from imageledger.chosen(x=1)
show tables
show databases
describe rows
show create table rows
exists table rows
explain select * from rows
explain indexes = 1, actions = 1 select * from rows where a = 1
explain pipeline graph = 1 select * from rows
select name from system.tables where database = 'imageledger'
select sumIf(a, a > 0), quantilesDD(0.01, 0.5)(a), uniqExact(a), countDistinctIf(a, 1), argMaxOrNull(a, a) from rows
with x as (select 1 as b) select b from x
select toStartOfInterval(now(), interval 1 minute), row_number() over (order by a) from rows
select arrayMap(x -> x + 1, [1, 2]), a::Float64, [1, 2][1], map('a', 1)['a'], if(a > 1, 2, 3) from rows
select a between 1 and 2, a is null, not a, -a, s like 'x%', date '2020-01-01', exists(select 1) from rows
select * from numbers(3)
select timezone(), version(), currentUser()
select name, type from system.columns where database = 'imageledger' and table = 'rows'
""".strip().splitlines()

REFUSED = r"""
select a in system.users from rows
select * from rows where s global not in system.users
select * from `system`.`users`
select * from "file"('/etc/passwd')
select `fi\x6ce`('/etc/passwd')
select file('/etc/passwd')
with file('/etc/passwd') as f select f
select arrayMap(x -> file(x), ['/etc/passwd'])
select arrayMap(file, ['/etc/passwd'])
with file as f select arrayMap(f, ['/etc/passwd'])
select arrayFold(file, ['/etc/passwd'], '')
select * apply(file) from (select '/etc/passwd')
select * apply(x -> file(x)) from (select '/etc/passwd')
select columns('s') apply file from rows
select * replace (file('x') as s) from rows
select * from rows where s in file('/etc/passwd')
select * from (select s from rows union all select file('/etc/passwd'))
select * from default."/etc/passwd"
select * from "/etc/passwd"
describe table file('/etc/passwd')
describe system.users
show processlist
explain estimate select * from system.users
select * from (explain select * from system.users)
from system.users select *
select (select * from system.users limit 1)
select x.a from rows as x join system.users as y on 1 = 1
select * from view(select * from system.users)
select * from merge('system', '.*')
select * from loop(system.users)
select * from mergeTreeIndex(system, users)
select * from remote('127.0.0.1', system.users)
select * from cluster('default', system, users)
select * from url('http://127.0.0.1:1/')
select * from s3('http://127.0.0.1:1/y')
select * from executable('id', 'TSV', 'a String')
select * from python('x')
select * from eval('select 1')
select * from filesystem('/etc')
select * from sqlite('/tmp/x', 't')
select * from dictionary('x')
select dictGet('d', 'a', 1)
select joinGet('imageledger.rows', 'a', 1)
select hasColumnInTable('system', 'users', 'name')
select getServerSetting('max_server_memory_usage')
select sleep(1)
select aiGenerate('x')
select * from system.processes
select * from system.query_log
select 1 into outfile '/tmp/never'
use system
set readonly = 0
set max_result_rows = 0
select 1 settings max_result_rows = 0
explain indexes = 1 select 1 settings max_result_rows = 0
explain indexes = 1 select * from (select 1 settings max_result_rows = 0)
explain indexes = 1 select * from system.users
explain select 1 format TSV settings max_result_rows = 0
explain select a from rows format TSV settings additional_table_filters = {'rows': 's = file(''/etc/passwd'')'}
explain current transaction settings max_result_rows = 0
select * from (explain actions = 1 select 1 settings max_result_rows = 0)
select * from (select 1 settings readonly = 0)
kill query where 1
system flush logs
insert into rows values (2, 'a')
insert into rows format TSV 2	a
create temporary table x (a Int8)
create table z (a Int8) engine = Memory
alter table rows delete where 1
truncate table rows
optimize table rows
drop table rows
check table rows
backup table rows to file('x')
select 1; drop table rows
""".strip().splitlines()


@pytest.fixture(scope="module")
def migrator(clickhouse: Addresses) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=clickhouse.migrator, timeout=300) as client:
        yield client


@pytest.fixture(scope="module")
def reader(clickhouse: Addresses, migrator: httpx.Client) -> Iterator[httpx.Client]:
    for statement in (
        "CREATE DATABASE IF NOT EXISTS imageledger",
        "CREATE TABLE imageledger.rows (a UInt64, s String) ENGINE = MergeTree ORDER BY a",
        "CREATE VIEW imageledger.plain AS SELECT a FROM imageledger.rows",
        "CREATE VIEW imageledger.chosen AS SELECT a FROM imageledger.rows WHERE a = {x:UInt64}",
        "INSERT INTO imageledger.rows VALUES (1, 'x')",
    ):
        assert migrator.post("/", content=statement).text == ""
    with httpx.Client(base_url=clickhouse.reader, timeout=300) as client:
        yield client
    for statement in ("VIEW imageledger.chosen", "VIEW imageledger.plain", "TABLE imageledger.rows"):
        migrator.post("/", content=f"DROP {statement}")


@pytest.mark.parametrize("query", ALLOWED)
def test_allowed(reader: httpx.Client, query: str) -> None:
    answer = reader.post("/", content=query)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("query", REFUSED)
def test_refused(reader: httpx.Client, query: str) -> None:
    answer = reader.post("/", content=query)
    assert answer.headers.get("x-clickhouse-exception-code") in {"497", "60", "62", "164", "358"}, answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT 1 -- FORMAT CSV SETTINGS max_result_rows = 0", "1\n"),
        ("SELECT 1 // FORMAT CSV SETTINGS max_result_rows = 0", "1\n"),
        ("SELECT 1 AS x$$ -- $$ FORMAT CSV SETTINGS max_result_rows = 0", "1\n"),
        ("SELECT 1, \u2018FORMAT CSV\u2019", "1\tFORMAT CSV\n"),
        ("SELECT 1 AS \u201cFORMAT CSV\u201d", "1\n"),
        ("SELECT 1 AS \"it's\", '-- FORMAT CSV' FORMAT CSV -- '", '1,"-- FORMAT CSV"\n'),
    ],
)
def test_what_the_engine_takes_for_a_comment_or_a_text_stays_one(reader: httpx.Client, query: str, rows: str) -> None:
    assert reader.post("/", content=query).text == rows


def test_nothing_was_changed_by_what_was_refused(reader: httpx.Client) -> None:
    assert reader.post("/", content="SELECT * FROM rows").text == "1\tx\n"


def test_limits_can_be_tightened_and_lifted_no_further_than_an_export_needs(reader: httpx.Client) -> None:
    query = "SELECT getSetting('max_result_rows'), getSetting('readonly')"
    for asked, held in [("0", LIMITS["max_result_rows"]), ("99999999999", CEILINGS["max_result_rows"]), ("5", 5)]:
        answer = reader.post("/", params={"max_result_rows": asked, "readonly": "0"}, content=query)
        assert answer.text == f"{held}\t2\n"
    memory = reader.post("/", params={"max_memory_usage": "0"}, content="SELECT getSetting('max_memory_usage')")
    assert memory.text == f"{LIMITS['max_memory_usage']}\n"
    over = reader.post("/", params={"max_result_rows": "5"}, content="SELECT * FROM numbers(10)")
    assert over.headers["x-clickhouse-exception-code"] == "396"


@pytest.mark.parametrize(
    "setting",
    [
        "dialect",
        "format_schema",
        "output_format_schema",
        "max_insert_threads",
        "read_overflow_mode",
        "timeout_overflow_mode",
        "group_by_overflow_mode",
    ],
)
def test_other_settings_are_not_the_readers(reader: httpx.Client, setting: str) -> None:
    answer = reader.post("/", params={setting: "1"}, content="SELECT 1")
    assert answer.headers["x-clickhouse-exception-code"] in {"164", "344"}


def test_harmless_settings_are(reader: httpx.Client) -> None:
    answer = reader.post(
        "/",
        params={"output_format_json_quote_64bit_integers": "1"},
        content="SELECT toUInt64(1) AS x FORMAT JSONEachRow",
    )
    assert answer.text == '{"x":"1"}\n'


def test_settings_that_clickhouse_connect_looks_up_before_it_sends_them(
    clickhouse: Addresses, reader: httpx.Client
) -> None:
    """It asks `system.settings` which of them this user may change."""
    outer = "SELECT b.a FROM rows AS a LEFT JOIN (SELECT a FROM rows WHERE a = 7) AS b USING (a)"
    with clickhouse_connect.get_client(dsn=clickhouse.reader) as client:
        assert client.query(outer, settings={"join_use_nulls": 1, "max_threads": 2}).result_rows == [(None,)]
        assert client.query(outer).result_rows == [(0,)]
        with pytest.raises(DatabaseError, match="readonly mode"):
            client.query("SELECT 1", settings={"max_insert_threads": 1})


def test_a_statement_that_may_have_a_settings_clause_runs_where_the_engine_refuses_one(reader: httpx.Client) -> None:
    """Should the reader's list overlook it. Nor is such a session another statement's afterwards."""
    for name, readonly in [("settings", "1"), ("x", "2"), ("SETTINGS", "1"), ("x", "2")]:
        assert reader.post("/", content=f"SELECT getSetting('readonly') AS \"{name}\"").text == f"{readonly}\n"


def test_a_parameter_can_name_a_table_but_not_any(reader: httpx.Client) -> None:
    query = "SELECT * FROM {t:Identifier}"
    assert reader.post("/", params={"param_t": "rows"}, content=query).text == "1\tx\n"
    answer = reader.post("/", params={"param_t": "system.users"}, content=query)
    assert answer.headers["x-clickhouse-exception-code"] in {"60", "497"}


def test_the_database_asked_for(reader: httpx.Client) -> None:
    for database in ("imageledger", "default"):  # what JDBC and Grafana ask for when nothing is set
        assert reader.post("/", params={"database": database}, content="SELECT a FROM rows").text == "1\n"
    assert reader.post("/", params={"database": "system"}, content="SELECT 1").status_code == 403


def test_memory_and_time_are_bounded(reader: httpx.Client) -> None:
    much = reader.post("/", content="SELECT groupArray(repeat(toString(number), 100000)) FROM numbers(1000000)")
    assert much.headers["x-clickhouse-exception-code"] == "241"
    long = reader.post("/", params={"max_execution_time": "1"}, content="SELECT count() FROM system.numbers")
    assert long.headers["x-clickhouse-exception-code"] in {"158", "159"}


def test_a_statement_asked_again_is_answered_under_its_own_parameters_and_settings(reader: httpx.Client) -> None:
    query = "SELECT {x:String}, getSetting('max_result_rows')"
    for given, rows in [("a", "7"), ("b", "7"), ("c", "9"), ("d", "7")]:
        answer = reader.post("/", params={"param_x": given, "max_result_rows": rows}, content=query)
        assert answer.text == f"{given}\t{rows}\n"
    plain = reader.post("/", params={"param_x": "e"}, content=query)
    assert plain.text == f"e\t{LIMITS['max_result_rows']}\n"
    without = reader.post("/", params={"max_result_rows": "7"}, content=query)
    assert without.headers["x-clickhouse-exception-code"] == "456"  # no value of an earlier request's stands in


def test_a_session_whose_query_was_killed_is_not_used_again(migrator: httpx.Client, reader: httpx.Client) -> None:
    """The kill may come late, and would end the next query. A session is known by its `log_comment`."""
    own = {"max_result_rows": "76543"}

    def session() -> str:
        return reader.post("/", params=own, content="SELECT getSetting('log_comment')").text.strip()

    def running() -> str:
        query = (
            "SELECT Settings['log_comment'] FROM system.processes "
            "WHERE query LIKE '%1000001%' AND Settings['max_result_rows'] = '76543'"
        )
        return migrator.post("/", content=query).text.strip()

    used = session()
    assert wait_until(lambda: session() == used, 60)  # others are
    with ThreadPoolExecutor(1) as beside:
        endless = "SELECT max(a.number * b.number) FROM numbers(1000001) AS a, numbers(1000001) AS b"
        answer = beside.submit(reader.post, "/", params={**own, "query_id": "to be killed"}, content=endless)
        assert wait_until(lambda: running() != "", 60)
        its_own = running()
        migrator.post("/", content="KILL QUERY WHERE query_id = 'to be killed' SYNC")
        assert answer.result().headers["x-clickhouse-exception-code"] == "394"
    assert its_own not in {session() for _ in range(20)}  # each that waits is asked in turn, eight at most


def test_what_is_refused_is_refused_again_under_settings_that_were_used_before(reader: httpx.Client) -> None:
    for _ in range(2):
        assert reader.post("/", content="SELECT a FROM rows").text == "1\n"
        assert reader.post("/", content="SELECT * FROM system.users").status_code == 403
        assert reader.get("/", params={"query": "SELECT a FROM rows"}).text == "1\n"


def test_a_view_that_is_called_is_looked_for_every_time(migrator: httpx.Client, reader: httpx.Client) -> None:
    called = "SELECT * FROM passing(x=1)"
    made = "CREATE VIEW imageledger.passing AS SELECT a FROM imageledger.rows WHERE a = {x:UInt64}"
    for statement, status in [(made, 200), ("DROP VIEW imageledger.passing", 403), (made, 200)]:
        assert migrator.post("/", content=statement).text == ""
        assert [reader.post("/", content=called).status_code for _ in range(2)] == [status, status]
    migrator.post("/", content="DROP VIEW imageledger.passing")


def test_a_known_statement_sees_what_its_tables_have_become(migrator: httpx.Client, reader: httpx.Client) -> None:
    query = "SELECT * FROM changing"
    for value in ("1", "'text'"):
        made = f"CREATE OR REPLACE VIEW imageledger.changing AS SELECT {value} AS x"
        assert migrator.post("/", content=made).text == ""
        assert [reader.post("/", content=query).text for _ in range(2)] == [value.strip("'") + "\n"] * 2
    migrator.post("/", content="DROP VIEW imageledger.changing")
    assert reader.post("/", content=query).headers["x-clickhouse-exception-code"] == "60"
