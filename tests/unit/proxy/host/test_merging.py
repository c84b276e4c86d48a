from proxy.host.merging import merged


def test_numbers_are_added_and_one_true_value_is_enough():
    one = {"in_flight": 2, "limit": 1.5, "paused": False, "name": "a"}
    other = {"in_flight": 3, "limit": 2.0, "paused": True, "name": "b"}
    assert merged([one, other]) == {"in_flight": 5, "limit": 3.5, "paused": True, "name": "a"}


def test_backends_are_merged_by_their_addresses_and_keep_to_one_limit():
    one = [{"url": "a", "ready": True, "workers": 4, "in_flight": 1, "limit": 5.0}]
    other = [
        {"url": "a", "ready": False, "workers": 4, "in_flight": 2, "limit": 6.0},
        {"url": "b", "ready": True, "workers": 8},
    ]
    assert merged([one, other]) == [
        {"url": "a", "ready": True, "workers": 4, "in_flight": 3, "limit": 6.0},
        {"url": "b", "ready": True, "workers": 8},
    ]


def test_what_only_one_knows_is_there():
    assert merged([{"a": {"x": 1}}, {"a": {"x": 1, "y": 2}, "b": None}]) == {"a": {"x": 2, "y": 2}, "b": None}
    assert merged([{"a": 1}]) == {"a": 1}
    assert merged([["x"], ["y"]]) == ["x"]


def test_each_process_speaks_for_all_of_budgets():
    def budget(used_bytes):
        return {
            "budget": {"bytes_per_day": {"limit_bytes": 100, "used_bytes": used_bytes, "left_bytes": 100 - used_bytes}}
        }

    assert merged([budget(10), budget(30)]) == budget(30)
    assert merged([{"budget": None}, {"budget": None}]) == {"budget": None}
