#!/usr/bin/env python3
# Classifies a text with a bundle, in Python: classify.py BUNDLE TEXT
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import sys

import gem

try:
    with gem.Bundle(sys.argv[1]) as bundle:
        with bundle.tokenizer() as tokenizer, bundle.session() as session:
            session.run(tokenizer.encode(sys.argv[2]).ids)
            print(bundle.label(session.output(gem.Role.LOGITS).argmax()))
except gem.GemError as error:
    sys.exit(f"classify: {error}")
