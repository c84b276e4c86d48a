from nlpbatch.recipe.run_options import RunOptions


def test_service_and_key_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("NLPBATCH_SERVICE", "http://proxy:8700")
    monkeypatch.setenv("NLPBATCH_API_KEY", "nlpb_secret")
    options = RunOptions.from_environment(on_sample=True, stage="dump")
    assert options == RunOptions(
        on_sample=True, stage="dump", service="http://proxy:8700", api_key="nlpb_secret", overwrite=False, dry_run=False
    )


def test_without_them_there_are_none_and_an_empty_key_is_none(monkeypatch):
    monkeypatch.delenv("NLPBATCH_SERVICE", raising=False)
    monkeypatch.setenv("NLPBATCH_API_KEY", "")
    assert RunOptions.from_environment() == RunOptions()


def test_the_key_is_in_no_text_about_the_options():
    assert "nlpb_secret" not in repr(RunOptions(api_key="nlpb_secret"))
