"""Train, evaluate and export speech emotion classifiers: python launch.py --help"""

from aersut.cli import main

if __name__ == "__main__":
    main()
