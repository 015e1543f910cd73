"""The service: a model behind HTTP (`likewise serve`); it needs the extra ``likewise[serve]``."""
