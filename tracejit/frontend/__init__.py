"""What decides whether a cached trace may be replayed: the signature of a call, the guards of a trace, and its effects."""




from .signature import Signature


