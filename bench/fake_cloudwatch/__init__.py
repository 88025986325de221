"""A stand-in for CloudWatch Logs that is late, slow, limited and faulty on demand. For tests and for `bench/soak.py`.

Only FilterLogEvents is spoken, as AWS answers it; what it measures is labelled *simulated*.
"""
