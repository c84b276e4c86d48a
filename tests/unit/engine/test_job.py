import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.frames import FrameBuffer
from nlpbatch.engine.job import Job, JobResult
from nlpbatch.engine.protocol import EngineSpec
from nlpbatch.wire.fields import TOKEN_FIELDS
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import DOCUMENT_CODES, DocumentError

ERRORS = st.builds(DocumentError, st.sampled_from(DOCUMENT_CODES), st.text(max_size=20))


@st.composite
def jobs(draw):
    documents = pa.array(draw(st.lists(st.none() | st.binary(max_size=20), max_size=8)), pa.binary())
    start = draw(st.integers(0, len(documents)))
    documents = documents.slice(start, draw(st.integers(0, len(documents) - start)))
    failed = draw(st.dictionaries(st.integers(0, len(documents) - 1), ERRORS)) if len(documents) else {}
    fields = draw(st.lists(st.sampled_from(list(TOKEN_FIELDS)), min_size=1, unique=True))
    kiwi = draw(st.fixed_dictionaries({}, optional={"z_coda": st.booleans(), "blocklist": st.just(("방/NNG",))}))
    tags, top_n = draw(st.none() | st.just(("NNG", "VV"))), draw(st.integers(1, 10))
    return Job(
        draw(st.integers(0, 2**63)),
        draw(st.sampled_from(("arrow", "json"))),
        Options(fields=tuple(fields), tags=tags, top_n=top_n, kiwi=kiwi),
        documents,
        failed,
    )


@given(jobs())
def test_a_job_comes_out_of_its_frame_as_it_went_in(job):
    ((header, body),) = FrameBuffer().feed(job.to_frame())
    back = Job.from_frame(header, body)
    assert (back.job_id, back.encoding, back.options, back.failed) == (
        job.job_id,
        job.encoding,
        job.options,
        job.failed,
    )
    assert back.documents.to_pylist() == job.documents.to_pylist()


def test_a_chunk_of_a_large_request_carries_its_own_documents_only():
    documents = pa.array([b"x" * 10_000] * 100, pa.binary()).slice(40, 1)
    assert len(Job(1, "json", Options(), documents, {}).to_frame()) < 12_000


@given(
    st.builds(
        JobResult,
        st.binary(),
        tokens=st.integers(0),
        code_points=st.integers(0),
        errors=st.dictionaries(st.sampled_from(DOCUMENT_CODES), st.integers(1)),
        analysis_s=st.floats(0, 1e6),
    )
)
def test_a_result_comes_out_of_its_frame_as_it_went_in(result):
    ((header, body),) = FrameBuffer().feed(result.to_frame(7))
    assert header["job_id"] == 7
    assert JobResult.from_frame(header, body) == result


def test_a_spec_comes_out_of_json_as_it_went_in():
    spec = EngineSpec("default", "kiwi", {"load_typo_dict": True}, {"typos": None, "typo_cost_threshold": 2.5})
    assert EngineSpec.from_json(spec.to_json()) == spec
