"""Train, evaluate and export emotion networks: python launch.py --help"""

from aersut.cli import main

if __name__ == "__main__":
    main()
