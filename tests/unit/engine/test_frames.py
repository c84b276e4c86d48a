import socket
import threading

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine import frames

FRAMES = [({"job_id": 1, "name": "가"}, b"body"), ({}, b""), ({"job_id": 2}, b"\0" * 70_000)]


@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=40))
def test_frames_are_whole_however_they_are_delivered(steps: list[int]) -> None:
    data = b"".join(frames.pack(header, body) for header, body in FRAMES)
    buffer, received, position = frames.FrameBuffer(), [], 0
    while position < len(data):
        step = steps[position % len(steps)]
        received += buffer.feed(data[position : position + step])
        position += step
    assert received == FRAMES


def test_a_blocking_reader_gets_frames_and_then_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def send() -> None:
            for header, body in FRAMES:
                theirs.sendall(frames.pack(header, body))
            theirs.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert [frames.receive(ours) for _ in range(4)] == [*FRAMES, None]
        sender.join()


def test_a_frame_cut_short_is_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(frames.pack({"job_id": 1}, b"body")[:-1])
        assert frames.receive(ours) is None
