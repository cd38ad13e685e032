"""The demo, ``recurrent demo``: a small network memorizes sentences, character by character."""
