"""deploy/prometheus and deploy/grafana with a real Prometheus: alerts come when they should, and every plot has something to
show."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

from harness import behaviours
from harness.front import Front
from harness.handler import PROJECT
from harness.http import MOUNT
from harness.images import png_of_size
from harness.process import ManagedProcess
from harness.waiting import eventually, free_port

RULES = PROJECT / "deploy" / "prometheus" / "image-proxy.rules.yml"
CASES = PROJECT / "Tests" / "Prometheus" / "image-proxy.test.yml"
DASHBOARD = json.loads((PROJECT / "deploy" / "grafana" / "image-proxy.json").read_text())
EXPRESSIONS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None or shutil.which("promtool") is None,
                                reason="needs Debian's prometheus")


# MARK: alerts


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True)


def test_alerts_come_when_they_should_and_only_then():
    done = promtool("test", "rules", CASES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_comes_and_one_in_which_it_does_not():
    cases = CASES.read_text()
    for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert re.search(rf"alertname: {alert}, exp_alerts: \[\]", cases), alert
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", cases), alert


def test_a_rule_that_does_not_do_what_it_says_is_seen(tmp_path):
    """The cases above can fail."""
    rules = RULES.read_text()
    for good, bad in [("== 0", "== 2"), ("< 0.7 *", "< 0.1 *")]:
        assert good in rules
        (tmp_path / "image-proxy.rules.yml").write_text(rules.replace(good, bad, 1))
        (tmp_path / "test.yml").write_text(CASES.read_text().replace("../../deploy/prometheus/", ""))
        assert promtool("test", "rules", tmp_path / "test.yml").returncode == 1, bad


# MARK: the dashboard


class Prometheus(ManagedProcess):
    """Asks handlers behind web servers for their metrics, every second."""

    def __init__(self, folder, *ports):
        self.port = free_port()
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s}}
rule_files: [{RULES}]
scrape_configs:
  - job_name: image-proxy
    metrics_path: {MOUNT}/metrics
    static_configs: [{{targets: [{targets}]}}]
""")
        super().__init__("prometheus", [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}"], folder)

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))

    def ask(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as problem:
            # Not ready is for later, a bad question is not.
            assert problem.code == 503, (parameters, problem.read())
            return {"result": []}

    def query(self, expression):
        return self.ask("query", query=expression)["result"]


@pytest.fixture(scope="module")
def watched(new_folder, settings, redis, databases):
    """A server with both tiers."""
    database = next(databases)
    mine = {**settings, "CACHE": redis.unix_address(database), "MEMORY_CACHE_SIZE": "64MiB"}
    with Front("nginx", new_folder(), mine, redis.client(database)) as server:
        yield server


@pytest.fixture(scope="module")
def embedded(new_folder, settings):
    """A server over the embedded store."""
    with Front("nginx", new_folder(), {**settings, "CACHE": f"file:{new_folder()}/cache"}) as server:
        yield server


@pytest.fixture(scope="module")
def prometheus(watched, embedded, new_folder, origin):
    """One that has seen traffic of every kind."""
    nginx = watched
    with Prometheus(new_folder(), nginx.server.port, embedded.server.port) as server:
        eventually(lambda: len(server.query("image_proxy_build_info")) == 2, "a first scrape of each")
        url = origin.serve(behaviours.image(png_of_size(20_000)))
        nginx.client.get(url)
        nginx.stored(url)

        def traffic():
            nginx.client.get(url)
            nginx.client.get(origin.serve(behaviours.image(png_of_size(10_000))))
            nginx.client.get(origin.serve(behaviours.status("500 Oops")))
            nginx.client.get("http://10.0.0.1/")
            return all(server.query(f"increase({name}[5m]) > 0") for name in (
                'image_proxy_requests_total{cache="hit"}', 'image_proxy_requests_total{cache="miss"}',
                "image_proxy_failures_total", "image_proxy_phase_duration_seconds_count"))
        eventually(traffic, "the traffic is in Prometheus")
        yield server


def as_grafana_asks(expression):
    """With its variables filled in: all instances, and an interval that covers the test."""
    assert set(re.findall(r"\$\w+", expression)) <= {"$instance", "$__rate_interval"}
    return expression.replace("$instance", ".*").replace("$__rate_interval", "5m")


@pytest.mark.parametrize("title,expression", EXPRESSIONS, ids=lambda value: value[:40])
def test_every_plot_has_something_to_show(prometheus, title, expression):
    assert eventually(lambda: prometheus.query(as_grafana_asks(expression)), title)


def test_the_choice_of_instances_is_there(prometheus):
    choice = next(variable for variable in DASHBOARD["templating"]["list"] if variable["name"] == "instance")
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", choice["query"]).groups()
    assert all(label in series for series in prometheus.ask("series", **{"match[]": metric}))


def test_no_plot_covers_another():
    """Grafana has 24 columns."""
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_label_that_is_asked_for_is_there(prometheus):
    """A matcher on a label or a value that no metric has would be an empty plot, or an alert that never comes."""
    known = {}
    for series in prometheus.ask("series", **{"match[]": '{__name__=~"image_proxy_.*"}'}):
        for label, value in series.items():
            known.setdefault((series["__name__"], label), set()).add(value)
    questions = [expression for _, expression in EXPRESSIONS] + re.findall(r"expr: (?:>\n)?((?:.|\n)*?)\n +for:", RULES.read_text())
    asked = [(name, label) for expression in questions for name, matchers in re.findall(r"(image_proxy_\w+)\{([^}]*)\}", expression)
             for label in re.findall(r"(\w+)(?:=~|!=|=)\"", matchers)]
    assert asked and [question for question in asked if question not in known] == []


def test_the_rules_are_loaded(prometheus):
    groups = prometheus.ask("rules")["groups"]
    loaded = [rule["name"] for group in groups for rule in group["rules"]]
    assert loaded == re.findall(r"- alert: (\w+)", RULES.read_text())
    assert all(rule["health"] != "err" for group in groups for rule in group["rules"])
