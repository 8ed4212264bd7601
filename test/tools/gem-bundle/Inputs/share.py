# Whether a file is smaller than a share of another: share.py SMALL LARGE SHARE.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

import os
import sys

small, large = os.path.getsize(sys.argv[1]), os.path.getsize(sys.argv[2])
assert small < float(sys.argv[3]) * large, f"{small} of {large} bytes"
