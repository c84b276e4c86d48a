"""Outcomes of documents that came before, so that a repeated text costs no second analysis.

cache.py    one request: look up, have the rest analysed, keep it, and join both in the order of the documents
store.py    what is kept, bounded in bytes
forms.py    outcomes as rows, cut from the workers' answers and written as such again, in Arrow and JSON
policy.py   whether it pays
sketch.py   how much would repeat, while nothing is kept
"""
