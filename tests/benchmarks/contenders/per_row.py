"""One HTTP request per row: the same Spark and the same service, without batching; connections are kept alive."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from spark_side import run, with_tokens

from nlpbatch import Client

source, text, target, service, in_flight = *sys.argv[1:5], int(sys.argv[5])
api_key = os.environ["NLPBATCH_API_KEY"]


def analyse(batches):
    with Client(service, api_key=api_key, pool_size=in_flight) as client, ThreadPoolExecutor(in_flight) as threads:
        for batch in batches:
            answers = threads.map(lambda document: client.analyze([document])[0], batch.column(text).to_pylist())
            yield with_tokens(batch, [[token.as_dict() for token in answer.tokens] for answer in answers])


run(source, target, analyse)
