"""`fortifai score`: pictures beside the answer, and thresholds that control chains set."""

import pandas as pd
from trajectory_support import distance, falling, frame

TABLE = frame({(o, s): falling(t + s) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)}, strategy="replace")


def test_it_draws_and_still_prints_one_document(call, tmp_path):
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    answer = call("score", tmp_path / "t.csv", "--plot", tmp_path / "p", "--json")
    assert (answer.code, answer.err) == (0, f"6 pictures in {tmp_path / 'p'}\n")
    assert answer.json["schema"] == 2


def test_thresholds_that_controls_set_are_drawn_for_each_metric(call, tmp_path):
    controls = frame({("ce", seed): distance(1, 0.95 - seed / 200, 1) for seed in range(20)}, strategy="control")
    table = pd.concat([controls, frame({("ce", seed): distance(1, 0.9, 0.1) for seed in range(3)}, strategy="replace")])
    worse = table.assign(metric="w2", value=table["value"] + 0.3 * (table["generation"] == 1))
    pd.concat([table, worse]).to_csv(tmp_path / "t.csv", index=False)
    answer = call("score", tmp_path / "t.csv", "--calibrate-threshold", 0.05, "--plot", tmp_path / "p")
    assert "phi<0.86" in answer.out
    assert "phi<0.485" in answer.out
    assert answer.err == f"24 pictures in {tmp_path / 'p'}\n"
    for metric, rule in (("w1", "phi&lt;0.86"), ("w2", "phi&lt;0.485")):
        assert rule in (tmp_path / "p" / f"survival-replace-{metric}.svg").read_text()


def test_when_nothing_can_be_scored_it_ends_with_1_and_says_why_for_every_row(call, tmp_path):
    TABLE.assign(null=0.1).to_csv(tmp_path / "t.csv", index=False)
    answer = call("score", tmp_path / "t.csv")
    assert answer.code == 1
    assert answer.err.count("no better than the null") == 2
    assert answer.err.startswith("fortifai: nothing could be scored. ce by w1: unscored: ")
    as_json = call("score", tmp_path / "t.csv", "--json")
    assert (as_json.code, len(as_json.json["rows"])) == (1, 2)
    one = TABLE.assign(null=TABLE["null"].where(TABLE["objective"] == "ce"))
    one.to_csv(tmp_path / "t.csv", index=False)
    assert call("score", tmp_path / "t.csv").code == 0, "one row that is scored is an answer"


def test_options_say_what_a_file_does_not(call, tmp_path):
    theirs = TABLE.rename(columns={"objective": "Setting"}).assign(generation=TABLE["generation"] + 1)
    theirs.to_csv(tmp_path / "t.csv", index=False)
    options = ("--column", "objective=Setting", "--first-generation", 1, "--horizon", 8)
    answer = call("score", tmp_path / "t.csv", *options, "--plot", tmp_path / "p", "--json")
    assert (answer.code, answer.err) == (0, f"6 pictures in {tmp_path / 'p'}\n")
    assert {row["horizon"] for row in answer.json["rows"]} == {8}
    assert call("compare", tmp_path / "t.csv", tmp_path / "t.csv", *options).code == 0
    assert "should be our name, =, and yours" in call("score", tmp_path / "t.csv", "--column", "Setting").err
    assert "cannot both be -" in call("compare", "-", "-").err


def test_a_chart_and_a_generation_0_of_another_file_are_read_as_asked(call, tmp_path):
    chains = TABLE.drop(columns="strategy").groupby(["objective", "seed"])
    columns = {f"run {objective} {seed} - w1": own["value"].to_list() for (objective, seed), own in chains}
    chart = pd.DataFrame(columns).rename_axis("Step").iloc[1:]
    for name in columns:
        chart[f"{name}__MIN"] = chart[f"{name}__MAX"] = chart[name]
    chart.to_csv(tmp_path / "t.csv")
    TABLE[TABLE["generation"] == 0].drop(columns="strategy").to_csv(tmp_path / "zero.csv", index=False)
    options = ("--run-name", "run {objective} {seed}", "--generation-zero", tmp_path / "zero.csv")
    answer = call("score", tmp_path / "t.csv", *options, "--json")
    TABLE.to_csv(tmp_path / "whole.csv", index=False)
    whole = call("score", tmp_path / "whole.csv", "--json").json
    assert [row["extension_ratio"] for row in answer.json["rows"]] == [row["extension_ratio"] for row in whole["rows"]]
